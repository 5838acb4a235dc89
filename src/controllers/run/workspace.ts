import type { TakoRepositorySpec } from '../../api/takorepository.ts';
import type { TakoRunSpec } from '../../api/takorun.ts';
import { milliseconds } from './durations.ts';
import { parseQuantity } from './quantity.ts';

type Workspace = NonNullable<TakoRunSpec['workspace']>;

/** How long a failed workspace stays when its run asks for it without a time, milliseconds. */
const DEFAULT_RETENTION_MS = 3_600_000;

/** The volume that a run works in: its own, or else that of its repository. */
export function workspaceSource(
  run: Pick<TakoRunSpec, 'workspace'>,
  repository: Pick<TakoRepositorySpec, 'runTemplate'> | undefined,
): Pick<Workspace, 'emptyDir' | 'volumeClaimTemplate'> {
  const own = run.workspace;
  if (own?.emptyDir !== undefined || own?.volumeClaimTemplate !== undefined) return own;
  return repository?.runTemplate?.workspace ?? {};
}

/** Size of a workspace on the node's disk that does not say its own. */
export const DEFAULT_WORKSPACE_SIZE = '10Gi';

/** How much a workspace holds, bytes; undefined when its claim does not say it as Kubernetes would take it. */
export function workspaceBytes({
  emptyDir,
  volumeClaimTemplate,
}: Pick<Workspace, 'emptyDir' | 'volumeClaimTemplate'>): number | undefined {
  if (volumeClaimTemplate === undefined) return parseQuantity(emptyDir?.sizeLimit ?? DEFAULT_WORKSPACE_SIZE);
  const { spec } = volumeClaimTemplate as { spec?: { resources?: { requests?: { storage?: unknown } } } };
  return parseQuantity(String(spec?.resources?.requests?.storage));
}

/** How long a failed workspace stays for people, seconds; 0: not at all. The run decides, or else its repository. */
export function retainSeconds(
  run: Pick<TakoRunSpec, 'workspace'>,
  repository: Pick<TakoRepositorySpec, 'runTemplate'> | undefined,
): number {
  const retain = run.workspace?.retain ?? repository?.runTemplate?.workspace?.retain;
  if (retain?.policy !== 'OnFailure') return 0;
  return Math.ceil(milliseconds(retain.duration, DEFAULT_RETENTION_MS) / 1_000);
}
