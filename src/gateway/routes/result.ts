import { MAX_RESULT_BYTES, RESULT_KEY, type ResultBody } from '../../agent/contract.ts';
import { API_VERSION, LABELS, MANAGED_BY } from '../../api/meta.ts';
import { canonicalJson, sha256 } from '../../fanout/fingerprint.ts';
import { rootOf } from '../../fanout/lineage.ts';
import { resultName } from '../../fanout/names.ts';
import { controllerUid } from '../../fanout/objects.ts';
import type { ConfigMap } from '../../kube/objects.ts';
import { answerSignal, type Caller, callerOf, type GatewayApp, type RouteDependencies } from '../app.ts';
import { parseResultBody } from '../bodies.ts';
import { GatewayFailure } from '../failure.ts';
import type { GatewayRuns } from '../runs.ts';

/** Where a result is and what it must hold, for the agent's termination message. */
interface StoredResult {
  readonly name: string;
  /** SHA-256 of its canonical JSON, hexadecimal. */
  readonly digest: string;
}

/** PUT /v1/result. */
export function registerResultRoute(app: GatewayApp, dependencies: RouteDependencies): void {
  const { runs, clock, requestTimeoutMs } = dependencies;
  app.put('/v1/result', async (request, reply) => {
    const body = parseResultBody(request.body);
    const signal = answerSignal(reply, clock, requestTimeoutMs);
    const { created, ...stored } = await storeResult(runs, callerOf(request), body, signal);
    return reply.code(created ? 201 : 200).send(stored satisfies StoredResult);
  });
}

/** Stores the result of the run's last attempt once. The same result again is no error, another one is. */
async function storeResult(
  runs: GatewayRuns,
  { run, podUid }: Pick<Caller, 'run' | 'podUid'>,
  body: ResultBody,
  signal: AbortSignal,
): Promise<StoredResult & { created: boolean }> {
  const text = canonicalJson(body);
  const bytes = Buffer.byteLength(text);
  if (bytes > MAX_RESULT_BYTES) {
    const message = `steps and outputs have ${bytes} bytes, at most ${MAX_RESULT_BYTES} are allowed: write large data to an artifact`;
    throw new GatewayFailure(413, 'ResultTooLarge', message);
  }
  const configMap = resultConfigMap({ run, podUid }, text);
  const { name = '' } = configMap.metadata;
  const digest = sha256(text);
  if (await runs.createConfigMap(configMap, signal)) return { name, digest, created: true };
  const found = await runs.getConfigMap({ namespace: run.metadata.namespace, name }, signal);
  if (found === undefined) {
    throw new GatewayFailure(503, 'Conflict', `ConfigMap ${name} was deleted a moment ago`, { retry: true });
  }
  if (controllerUid(found) !== run.metadata.uid || found.data?.[RESULT_KEY] !== text) {
    throw new GatewayFailure(409, 'ResultConflict', `ConfigMap ${name} holds another result`);
  }
  return { name, digest, created: false };
}

function resultConfigMap({ run, podUid }: Pick<Caller, 'run' | 'podUid'>, text: string): ConfigMap {
  const { namespace, name, uid } = run.metadata;
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: {
      name: resultName({ name, uid }, podUid),
      namespace,
      labels: { [LABELS.runUid]: uid, [LABELS.rootUid]: rootOf(run).uid, [LABELS.managedBy]: MANAGED_BY },
      ownerReferences: [
        { apiVersion: API_VERSION, kind: 'TakoRun', name, uid, controller: true, blockOwnerDeletion: true },
      ],
    },
    immutable: true,
    data: { [RESULT_KEY]: text },
  };
}
