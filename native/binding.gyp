{
  # In native/, not in the package root: there npm would build it on every install.
  'targets': [{
    'target_name': 'usernet-tun',
    'sources': ['addon.c', 'device.c', 'netlink.c', 'packet.c', 'pump.c', 'steering.c', 'tun.c', 'user_memory.c', 'vnet.c'],
    'defines': ['NAPI_VERSION=8'],
    'cflags': ['-std=gnu11', '-O2', '-Wall', '-Wextra', '-Wunused-parameter', '-fvisibility=hidden'],
  }],
}
