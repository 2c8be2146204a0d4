import { generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import { isIP } from 'node:net';
import { Address } from '../../src/index.ts';

/** A key and a certificate for it that vouches for itself: give it as `ca`, too. PEM. */
export interface Certificate {
  readonly key: string;
  readonly cert: string;
}

/** Makes a certificate (RFC 5280) for these names and addresses, good for a day around now. */
export function selfSigned(...names: string[]): Certificate {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  const name = der(0x30, der(0x31, der(0x30, der(0x06, COMMON_NAME), der(0x0c, Buffer.from(names[0]!)))));
  const tbs = der(
    0x30,
    der(0xa0, integer(2)),
    der(0x02, Buffer.concat([Buffer.from([1]), randomBytes(8)])),
    ECDSA_WITH_SHA256,
    name,
    der(0x30, time(-12), time(12)),
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, der(0x30, extension(ALTERNATIVE_NAMES, der(0x30, ...names.map(alternative))), isAuthority())),
  );
  const signature = sign('sha256', tbs, privateKey);
  const whole = der(0x30, tbs, ECDSA_WITH_SHA256, der(0x03, Buffer.from([0]), signature));
  const base64 = whole
    .toString('base64')
    .match(/.{1,64}/g)!
    .join('\n');
  return {
    key: String(privateKey.export({ type: 'pkcs8', format: 'pem' })),
    cert: `-----BEGIN CERTIFICATE-----\n${base64}\n-----END CERTIFICATE-----\n`,
  };
}

const COMMON_NAME = Buffer.from([0x55, 0x04, 0x03]);
const ALTERNATIVE_NAMES = Buffer.from([0x55, 0x1d, 0x11]);
const BASIC_CONSTRAINTS = Buffer.from([0x55, 0x1d, 0x13]);
/** 1.2.840.10045.4.3.2 */
const ECDSA_WITH_SHA256 = der(0x30, der(0x06, Buffer.from([0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02])));

function der(tag: number, ...contents: Uint8Array[]): Buffer {
  const content = Buffer.concat(contents);
  const { length } = content;
  if (length < 0x80) return Buffer.concat([Buffer.from([tag, length]), content]);
  const octets = length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...octets]), content]);
}

function integer(value: number): Buffer {
  return der(0x02, Buffer.from([value]));
}

/** So many hours from now, as a GeneralizedTime. */
function time(hours: number): Buffer {
  const at = new Date(Date.now() + hours * 3_600_000).toISOString();
  return der(0x18, Buffer.from(`${at.slice(0, 19).replace(/\D/g, '')}Z`));
}

function extension(id: Uint8Array, value: Uint8Array): Buffer {
  return der(0x30, der(0x06, id), der(0x04, value));
}

function isAuthority(): Buffer {
  return extension(BASIC_CONSTRAINTS, der(0x30, der(0x01, Buffer.from([0xff]))));
}

function alternative(name: string): Buffer {
  if (isIP(name) !== 0) return der(0x87, Address.parse(name).bytes());
  return der(0x82, Buffer.from(name));
}
