import type { Assignment, CheckoutFacts } from './contract.ts';
import { secretVariable } from './contract.ts';
import { shellQuote } from './protocol/shell-quote.ts';

const VARIABLE_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;
/** Shell and loader variables that would change how the script runs rather than what it sees. */
const RESERVED = /^(TAKO_.*|IFS|ENV|BASH_ENV|PS4|SHELLOPTS|BASHOPTS|LD_.*)$/;

/** A value for a step's variable: text that is known here, or a secret that only the step's container has. */
export type ResolvedEnv =
  | { readonly kind: 'literal'; readonly value: string }
  | { readonly kind: 'secret'; readonly name: string };

/** The variables that Tako itself sets for every step, documented in docs/guides/workflows.md. */
export function takoVariables(assignment: Assignment, facts: CheckoutFacts, workspace: string): Record<string, string> {
  return {
    TAKO_RUN_ID: assignment.run.runId,
    TAKO_ATTEMPT: String(assignment.run.attempt),
    TAKO_WORKFLOW: assignment.workflow,
    TAKO_REPOSITORY: assignment.repository.slug,
    TAKO_COMMIT: assignment.repository.commit,
    TAKO_GIT_TAG: facts.tag ?? '',
    TAKO_GIT_DESCRIBE: facts.describe ?? '',
    TAKO_WORKSPACE: workspace,
  };
}

/** Says what is wrong with a variable's name; undefined when nothing is. */
export function checkVariableName(name: string): string | undefined {
  if (!VARIABLE_NAME.test(name)) {
    return `env: "${name}" is not a valid variable name: use letters, digits and underscores, and no digit first`;
  }
  if (RESERVED.test(name)) return `env: ${name} is reserved: choose another name`;
  return undefined;
}

/**
 * The head of a step's script: the directory, the variables, the secrets under the names that the step gave them, and `set -e`, since
 * whoever writes two commands in a step expects the step to fail with the first.
 */
export function environmentPrelude(
  workspace: string,
  tako: Readonly<Record<string, string>>,
  env: Readonly<Record<string, ResolvedEnv>>,
): string {
  const lines = [`cd ${shellQuote(workspace)} || exit 126`];
  for (const [name, value] of Object.entries(tako)) lines.push(`export ${name}=${shellQuote(value)}`);
  const used = new Set<string>();
  for (const [name, value] of Object.entries(env)) {
    if (value.kind === 'literal') lines.push(`export ${name}=${shellQuote(value.value)}`);
    else {
      used.add(value.name);
      lines.push(`export ${name}="\${${secretVariable(value.name)}}"`);
    }
  }
  for (const name of used) lines.push(`unset ${secretVariable(name)}`);
  lines.push('set -e');
  return lines.join('\n');
}
