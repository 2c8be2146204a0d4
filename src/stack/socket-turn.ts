import type { Participant } from './turn.ts';

/** A socket of messages, as the turn needs it. */
export interface MessageSocket {
  readonly due: boolean;
  deliver(): void;
}

/** A socket's part in the stack's turn: messages wait for it to be delivered; what it sends is queued at once. */
export class SocketTurn implements Participant {
  touched: boolean = false;
  readonly socket: MessageSocket;

  constructor(socket: MessageSocket) {
    this.socket = socket;
  }

  get due(): boolean {
    return this.socket.due;
  }

  deliver(): void {
    this.socket.deliver();
  }

  output(): void {}
}
