import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../../..', import.meta.url));

/** Runs a compiled program as a user would, and waits for its end. */
function run(program: string, ...args: string[]): { code: number | null; out: string; err: string } {
  if (!existsSync(join(root, 'dist/node/demo.js'))) throw new Error('there is no dist/: run `npm run build`');
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...args], { cwd: root, encoding: 'utf8' });
  return { code: status, out: stdout, err: stderr };
}

const demo = join(root, 'dist/node/demo.js');

describe('npm start', () => {
  it('prints the page and the packets that carried it, and ends', () => {
    const { code, out, err } = run(demo);
    expect(err).toBe('');
    expect(code).toBe(0);
    expect(out).toContain('HTTP/1.1 200 OK');
    expect(out).toContain('<h1>Hello from a TCP/IP stack in JavaScript</h1>');
    // The story of a connection, one rung after the other, with the states that go with it.
    const story = [
      /CLOSED │ +│ LISTEN\n/,
      /SYN_SENT ├── SYN +seq=0 +win=65535 +mss=1460 .*>│ SYN_RECV\n/,
      /ESTABLISHED │<─ SYN,ACK +seq=0 +ack=1 +win=65535 +mss=1460 /,
      /├── PSH,ACK +seq=1 +ack=1 +win=131072 len=\d+ .*>│ ESTABLISHED\n/,
      /│ +GET \/ HTTP\/1\.1 +│\n/,
      /│<─ \S*PSH,ACK +seq=1 .* len=\d+ /,
      /│ +HTTP\/1\.1 200 OK +│/,
      /├── FIN,ACK +seq=\d+ +ack=\d+ .*>│ TIME_WAIT\n/,
      /CLOSED │<─ ACK +seq=\d+ +ack=\d+ /,
    ];
    let at = 0;
    for (const step of story) {
      const found = step.exec(out.slice(at));
      expect(found, `${step} in its place`).not.toBeNull();
      at += found!.index + found![0].length;
    }
    expect(out).toMatch(/│<─ FIN,\S+ .*┤ FIN_WAIT_1\n/);
    expect(Math.max(...out.split('\n').map((line) => line.length))).toBeLessThanOrEqual(100);
  });

  it('explains itself', () => {
    const { code, out, err } = run(demo, '--help');
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).toContain('npm start -- --tun');
  });

  it('says which flag it does not know, and which there are', () => {
    const { code, out, err } = run(demo, '--tunnel');
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(err).toMatch(/^usernet: Unknown option '--tunnel'\n/);
    expect(err).toContain('--kernel-address CIDR');
  });

  it('says in a sentence that the addon is missing', () => {
    const folder = mkdtempSync(join(tmpdir(), 'usernet-demo-'));
    try {
      cpSync(join(root, 'dist'), join(folder, 'dist'), { recursive: true });
      cpSync(join(root, 'package.json'), join(folder, 'package.json'));
      const { code, out, err } = run(join(folder, 'dist/node/demo.js'), '--tun');
      expect({ code, out }).toEqual({ code: 1, out: '' });
      expect(err).toMatch(/^usernet: the native addon is missing, .*\n$/);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
