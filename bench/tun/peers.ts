import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Job, PeerName } from './jobs.ts';

/** Seen from build/bench/tun. */
const SOURCES = fileURLToPath(new URL('../../../bench/peers/', import.meta.url));
const BINARIES = fileURLToPath(new URL('../peers/', import.meta.url));
const GO_SOURCES = '/usr/share/gocode';

/** Another stack in user space, as Debian packages it, with a small program of ours around it. */
export interface Peer {
  /** What to install to have it. */
  readonly packages: readonly string[];
  readonly installed: () => boolean;
  readonly build: () => void;
  readonly program: string;
  /** Where it serves: a TUN device of MTU 1500, or an end of a veth pair, which takes large packets from it. */
  readonly device: (job: Job) => 'tun0' | 'wire';
  readonly args: (job: Job, seconds: number) => string[];
}

/** Bulk with offload: gVisor's endpoint does that with packet sockets only. */
const gvisorDevice = ({ offload, unit }: Job): 'tun0' | 'wire' => (offload && unit === 'Gbit/s' ? 'wire' : 'tun0');

export const PEERS: Partial<Record<string, Peer>> & Record<PeerName, Peer> = {
  gVisor: {
    packages: ['golang-go', 'golang-gvisor-gvisor-dev'],
    installed: () => has('go') && existsSync(`${GO_SOURCES}/src/gvisor.dev/gvisor/pkg/tcpip`),
    build: () => {
      const env = { ...process.env, GO111MODULE: 'off', GOPATH: GO_SOURCES, GOFLAGS: '', GOPROXY: 'off' };
      execFileSync('go', ['build', '-o', `${BINARIES}gvisor`, `${SOURCES}gvisor/main.go`], { stdio: 'inherit', env });
    },
    program: `${BINARIES}gvisor`,
    device: gvisorDevice,
    args: (job, seconds) => {
      const device = gvisorDevice(job);
      return [device === 'wire' ? 'packet' : 'tun', device, String(seconds)];
    },
  },
  lwIP: {
    packages: ['liblwip-dev'],
    installed: () => existsSync('/usr/include/lwip/lwip/tcp.h'),
    build: () => buildLwip('lwip-tun'),
    program: `${BINARIES}lwip-tun`,
    device: () => 'tun0',
    // Looks as often as the C loop before it sleeps.
    args: ({ unit }, seconds) => ['tun0', unit === 'Gbit/s' ? '1000' : '0', String(seconds)],
  },
};

/** Is it installed? */
export function has(program: string): boolean {
  return spawnSync('sh', ['-c', `command -v ${program}`]).status === 0;
}

/** Compiles one of the programs with lwIP and returns where it is. */
export function buildLwip(name: string): string {
  mkdirSync(BINARIES, { recursive: true });
  const flags = ['-std=gnu11', '-O2', '-Wall', '-Wextra', '-isystem', '/usr/include/lwip'];
  execFileSync('cc', [...flags, '-o', BINARIES + name, `${SOURCES}lwip/${name}.c`, '-llwip'], { stdio: 'inherit' });
  return BINARIES + name;
}

/** Builds those peers among the wanted that are installed and returns their names; says in a line how to get the others. */
export function preparePeers(wanted: readonly string[]): Set<string> {
  const ready = new Set<string>();
  mkdirSync(BINARIES, { recursive: true });
  for (const [name, peer] of Object.entries(PEERS)) {
    if (peer === undefined || !wanted.includes(name)) continue;
    if (peer.installed()) {
      peer.build();
      ready.add(name);
    } else {
      console.log(`without ${name}: apt-get install -y --no-install-recommends ${peer.packages.join(' ')}`);
    }
  }
  return ready;
}
