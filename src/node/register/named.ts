import { realpathSync } from 'node:fs';
import { resolve } from 'node:path';
import process from 'node:process';
import { pathToFileURL } from 'node:url';

const NAME = 'usernet/register';

/**
 * Did the command line (or NODE_OPTIONS) name this module with one of these options? A program that imports it itself
 * says with `register()` what it wants.
 *
 * @param url of the module, for those who write its path
 */
export function isNamedBy(options: readonly string[], url: string): boolean {
  const given = [...process.execArgv, ...words(process.env['NODE_OPTIONS'] ?? '')];
  return given.some((word, i) => {
    const [option = '', ...value] = word.split('=');
    return options.includes(option) && isModule(value.length > 0 ? value.join('=') : given[i + 1], url);
  });
}

function isModule(name: string | undefined, url: string): boolean {
  if (name === undefined || name === NAME || name === url) return name !== undefined;
  try {
    return pathToFileURL(realpathSync(resolve(name))).href === url;
  } catch {
    return false; // another package, or no file at all
  }
}

/** The words of NODE_OPTIONS: between spaces, or between double quotes. */
function words(text: string): string[] {
  return [...text.matchAll(/(?:[^\s"]|"(?:\\.|[^"\\])*")+/g)].map(([word]) => word.replaceAll('"', ''));
}
