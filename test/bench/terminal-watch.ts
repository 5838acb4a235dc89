import type { KubeClient } from '../../src/kube/client.ts';
import type { KubeObject, Live, ResourceType } from '../../src/kube/objects.ts';

/** Tells when objects of a namespace have ended, by a watch that is open before they are created. */
export async function createTerminalWatch<T extends KubeObject>(
  client: KubeClient,
  type: ResourceType<T>,
  namespace: string,
  ended: (object: T) => boolean,
): Promise<{ next(name: string, timeoutMs: number): Promise<T>; stop(): void }> {
  const found = new Map<string, Live<T>>();
  const waiting = new Map<string, (object: T) => void>();
  const stop = new AbortController();
  const { metadata } = await client.list(type, { namespace, limit: 1 });
  const follow = async (): Promise<void> => {
    let resourceVersion = metadata.resourceVersion;
    while (!stop.signal.aborted) {
      for await (const event of client.watch(type, { namespace, resourceVersion, signal: stop.signal })) {
        resourceVersion = event.type === 'BOOKMARK' ? event.resourceVersion : event.object.metadata.resourceVersion;
        if (event.type === 'BOOKMARK' || event.type === 'DELETED') continue;
        const { object } = event;
        if (!ended(object)) continue;
        const { name } = object.metadata;
        found.set(name, object);
        waiting.get(name)?.(object);
      }
    }
  };
  follow().catch(error => {
    if (!stop.signal.aborted) throw error;
  });
  return {
    next(name, timeoutMs) {
      const known = found.get(name);
      if (known !== undefined) return Promise.resolve(known);
      return new Promise((resolve, reject) => {
        const timer = setTimeout(
          () => reject(new Error(`${type.kind} ${name} did not end within ${timeoutMs} ms`)),
          timeoutMs,
        );
        waiting.set(name, object => {
          clearTimeout(timer);
          resolve(object);
        });
      });
    },
    stop: () => stop.abort(),
  };
}
