import { readArguments, usage } from './demo/arguments.ts';
import { runMemoryDemo } from './demo/memory.ts';
import { runTunDemo } from './demo/tun.ts';

/** `npm start`. What goes wrong is said in a sentence, with exit code 1. */
async function main(): Promise<void> {
  const wish = readArguments(process.argv.slice(2));
  switch (wish.run) {
    case 'help':
      console.log(usage);
      return;
    case 'tun':
      return runTunDemo(wish.options);
    default:
      return runMemoryDemo();
  }
}

main().catch((error: unknown) => {
  process.exitCode = 1;
  // Errors with a code say what is wrong outside of this program; anything else is a mistake in it.
  const expected = error instanceof Error && 'code' in error;
  console.error(expected ? `usernet: ${error.message}` : error);
});
