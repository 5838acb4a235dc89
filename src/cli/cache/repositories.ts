import { isGitError } from '../../git/errors.ts';
import { parseGitUrl } from '../../git/url.ts';
import type { OptionSpecs } from '../command.ts';
import { CliError, EXIT } from '../exit.ts';

export const REPOSITORY_OPTION = {
  repository: {
    type: 'string',
    multiple: true,
    value: 'URL',
    description: 'This repository, by the url of its TakoRepository',
  },
} as const satisfies OptionSpecs;

/** The repositories that were named, in their one spelling. Throws a CliError. */
export function repositoriesOption(urls: readonly string[] = []): Set<string> {
  return new Set(
    urls.map(url => {
      try {
        return parseGitUrl(url).href;
      } catch (error) {
        if (isGitError(error)) throw new CliError(`--repository: ${error.message}`, EXIT.usage);
        throw error;
      }
    }),
  );
}

/** Which of the named repositories are not there. */
export function missing(named: ReadonlySet<string>, there: Iterable<string>): string[] {
  const known = new Set(there);
  return [...named].filter(url => !known.has(url));
}
