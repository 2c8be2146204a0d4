/** What `require('usernet/register')` loads: the same, without the waiting that `require` can't do. */
import { endWith } from './end.ts';
import { isNamedBy } from './named.ts';

export * from './index.ts';

if (isNamedBy(['-r', '--require'], import.meta.url)) {
  endWith('load it with --import, --require can not wait for a stack');
}
