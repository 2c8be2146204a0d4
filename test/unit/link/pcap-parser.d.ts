/** What the tests use of pcap-parser, which brings no types. */
declare module 'pcap-parser' {
  interface Parser {
    on(event: 'globalHeader', listener: (header: Record<string, number>) => void): Parser;
    on(event: 'packet', listener: (packet: { header: Record<string, number>; data: Uint8Array }) => void): Parser;
    on(event: 'end', listener: () => void): Parser;
    on(event: 'error', listener: (error: Error) => void): Parser;
  }

  /** Reads a classic pcap file with microsecond timestamps. */
  export function parse(stream: NodeJS.ReadableStream): Parser;
}
