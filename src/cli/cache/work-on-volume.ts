import { randomBytes } from 'node:crypto';
import { CACHE_CLAIM } from '../../controllers/cache/claim.ts';
import { attach } from '../../kube/attach.ts';
import { isApiError, undefinedWhen } from '../../kube/errors.ts';
import { type Live, matchLabels, type Pod, persistentVolumeClaims, pods } from '../../kube/objects.ts';
import type { LockOwner } from '../../locks/types.ts';
import type { Connection } from '../cluster.ts';
import type { Io, OptionSpecs, Values } from '../command.ts';
import { CliError } from '../exit.ts';
import { ageOption } from '../options.ts';
import { findImage } from './image.ts';
import { type CommandLocks, createCommandKeeper, createCommandLocks } from './locks.ts';
import { MAINTENANCE_CONTAINER, MAINTENANCE_LABELS, maintenancePod, podProgress } from './maintenance-pod.ts';
import { openSession, type Session } from './session.ts';

/** Options of commands that need a Pod on the volume. */
export const POD_OPTIONS = {
  image: {
    type: 'string',
    value: 'IMAGE',
    description: "Tako's image. Default: the one that the operator gives agents",
  },
  'operator-namespace': {
    type: 'string',
    value: 'NAME',
    description: 'Where the operator is, to find the image. Default: tako-system',
  },
  'pod-timeout': {
    type: 'string',
    value: 'DURATION',
    description: 'How long the Pod may take to start. Default: 2m',
  },
} as const satisfies OptionSpecs;

/** What a command works with. */
export interface VolumeTools {
  readonly session: Session;
  /** Those of `holder`, with the rights of the command's user. */
  readonly locks: CommandLocks;
  /** The Pod, with which its locks go. */
  readonly holder: LockOwner;
}

export interface VolumeOptions {
  readonly connection: Connection;
  readonly io: Io;
  readonly values: Values<typeof POD_OPTIONS>;
  /** `verify`, `prune`. */
  readonly command: string;
  /** Whether the volume is only read. */
  readonly readOnly: boolean;
}

/** Time between two looks at a Pod that starts, milliseconds. */
const LOOK_MS = 250;
/** What is left is tidied up for so long, also after Ctrl-C, milliseconds. */
const TIDY_MS = 10_000;

/**
 * Starts a Pod with the cache volume of the namespace, lets `work` use it, and removes it. Undefined when there is no volume: then `io.err` was told.
 *
 * Whatever becomes of this process, the Pod ends: its standard input ends with the connection, before that comes it waits for five minutes, and
 * two hours are the end of any. The next command removes what such a Pod leaves: its object.
 */
export async function workOnVolume<R>(
  options: VolumeOptions,
  work: (tools: VolumeTools) => Promise<R>,
): Promise<R | undefined> {
  const { connection, io, values, command, readOnly } = options;
  const { client, namespace } = connection;
  const { signal } = io;
  const timeoutMs = ageOption('pod-timeout', values['pod-timeout'] ?? '2m');
  if (!(await hasVolume(connection, io))) return undefined;
  const image = values.image ?? (await findImage(client, values['operator-namespace'] ?? 'tako-system', signal));
  await removeEnded(connection, signal);

  const name = `tako-cache-${command}-${randomBytes(4).toString('hex')}`;
  const wanted = maintenancePod({ namespace, name, image, claim: CACHE_CLAIM, readOnly });
  try {
    const pod = await client.create(pods, wanted, { signal });
    await started(pod, { connection, io, timeoutMs });
    const attachment = await attachTo(connection, pod, signal);
    try {
      const session = openSession(attachment, name, io.clock);
      const holder = { run: `tako cache ${command}`, runUid: '', pod: name, podUid: pod.metadata.uid };
      const locks = createCommandLocks({ keeper: createCommandKeeper(client, io), namespace, holder, ...io });
      return await work({ session, locks, holder });
    } finally {
      await attachment.close();
    }
  } finally {
    const tidy = AbortSignal.timeout(TIDY_MS);
    // It ends by itself anyway; the object is what is left.
    await client.delete(pods, { namespace, name }, { signal: tidy }).catch(() => undefined);
  }
}

async function hasVolume({ client, namespace }: Connection, io: Io): Promise<boolean> {
  const ref = { namespace, name: CACHE_CLAIM };
  const claim = await undefinedWhen(client.get(persistentVolumeClaims, ref, { signal: io.signal }), 'notFound');
  if (claim === undefined) {
    io.err(
      `Namespace ${namespace} has no cache: there is no volume claim ${CACHE_CLAIM}. The first run makes it where the operator's setting TAKO_CACHE_SIZE is not empty.\n`,
    );
    return false;
  }
  // With a storage class that waits for the first Pod there is no volume before: and a volume is not made to look into it.
  if (claim.status?.phase === 'Bound') return true;
  io.err(
    `Nothing is cached in namespace ${namespace}: the volume claim ${CACHE_CLAIM} is ${claim.status?.phase ?? 'new'}, not Bound.\n`,
  );
  return false;
}

/** Pods of commands that died before they could remove them. */
async function removeEnded({ client, namespace }: Connection, signal: AbortSignal): Promise<void> {
  const labelSelector = matchLabels(MAINTENANCE_LABELS);
  const { items } = await client.list(pods, { namespace, labelSelector, signal });
  for (const { metadata, status } of items) {
    if (status?.phase !== 'Succeeded' && status?.phase !== 'Failed') continue;
    const preconditions = { uid: metadata.uid };
    await undefinedWhen(
      client.delete(pods, { namespace, name: metadata.name }, { preconditions, signal }),
      'notFound',
      'conflict',
    );
  }
}

interface StartOptions {
  readonly connection: Connection;
  readonly io: Io;
  readonly timeoutMs: number;
}

async function started(pod: Live<Pod>, { connection, io, timeoutMs }: StartOptions): Promise<void> {
  const { name, namespace } = pod.metadata;
  const { client } = connection;
  const { clock, signal } = io;
  const deadline = clock.monotonic() + timeoutMs;
  let told = '';
  for (let current: Live<Pod> | undefined = pod; ; ) {
    const progress = current === undefined ? gone : podProgress(current);
    if (progress.state === 'running') return;
    if (progress.state === 'failed') throw new CliError(`Pod ${namespace}/${name} did not start: ${progress.why}`);
    if (clock.monotonic() >= deadline) {
      throw new CliError(
        `Pod ${namespace}/${name} did not start within --pod-timeout: ${progress.why}. A volume that only one node can mount (ReadWriteOnce) may be in use on another one`,
      );
    }
    if (progress.why !== told) io.err(`Waiting for Pod ${name}: ${progress.why}\n`);
    told = progress.why;
    await clock.sleep(LOOK_MS, signal);
    current = await undefinedWhen(client.get(pods, { namespace, name }, { signal }), 'notFound');
  }
}

const gone = { state: 'failed', why: 'somebody has deleted it' } as const;

async function attachTo({ config, client }: Connection, pod: Live<Pod>, signal: AbortSignal) {
  const { name, namespace } = pod.metadata;
  try {
    return await attach(
      config,
      { namespace, name },
      { container: MAINTENANCE_CONTAINER, userAgent: 'tako-cli', signal },
    );
  } catch (error) {
    // A plain request is told what a WebSocket's is not: that a right is missing.
    const path = `/api/v1/namespaces/${namespace}/pods/${name}/attach`;
    const query = { container: MAINTENANCE_CONTAINER, stdin: true, stdout: true };
    const told: unknown = await client.raw(path, { query, attempts: 1, signal }).catch((reason: unknown) => reason);
    throw isApiError(told, 'forbidden', 'unauthorized') ? told : error;
  }
}
