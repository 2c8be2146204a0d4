/** What the owner is still to be told, one bit each; delivered in this order. */
export const Notice = {
  accept: 1,
  connect: 2,
  urgent: 4,
  readable: 8,
  end: 16,
  writable: 32,
  finished: 64,
  softError: 128,
  error: 256,
  close: 512,
} as const;
