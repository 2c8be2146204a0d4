/** What `require('usernet/register')` loads: the same, without the waiting that `require` can't do. */
import { usageError } from '../../errors.ts';
import { isNamedBy } from './named.ts';

export * from './index.ts';

if (isNamedBy(['-r', '--require'], import.meta.url)) {
  throw usageError(
    'ERR_INVALID_ARG_VALUE',
    'usernet/register is loaded with --import: --require can not wait for a stack',
  );
}
