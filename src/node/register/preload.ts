/**
 * What `import 'usernet/register'` and `node --import usernet/register app.js` load. The latter registers the stack that
 * the environment describes before the program begins; where that fails the program does not begin.
 */
import process from 'node:process';
import { registerFromEnvironment } from './configuration.ts';
import { endWith } from './end.ts';
import { isNamedBy } from './named.ts';

export * from './index.ts';

if (isNamedBy(['--import'], import.meta.url)) await preload();

async function preload(): Promise<void> {
  try {
    const stack = await registerFromEnvironment(process.env);
    // What was written goes out, and whoever is connected learns that it is over, as a kernel would tell them.
    process.once('exit', () => {
      stack.turn.settle();
      void stack.destroy();
    });
  } catch (error) {
    endWith(error);
  }
}
