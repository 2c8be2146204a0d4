// What does a stack send, and when? A peer that is played by hand, packet by packet, in virtual time.
import { established, runScript } from 'usernet/sim';

runScript(
  established({ sack: true, rtt: 100_000 }), // after the handshake; microseconds
  `
  write 5840
    +0    > A 1:1461(1460) ack 1            # lost
          > A 1461:2921(1460) ack 1
          > A 2921:4381(1460) ack 1
          > PA 4381:5841(1460) ack 1
    +0.1  < A 1 ack 1 <sack 1461:2921>
    +0    < A 1 ack 1 <sack 1461:4381>
    +0    < A 1 ack 1 <sack 1461:5841>      # RFC 6675: three segments have passed the first
          > A 1:1461(1460) ack 1
    +0.1  < A 1 ack 5841
          told nothing
  `,
);
console.log('as the script says');
