import { parseKey } from '../../kube/objects.ts';

/** How many failed workspaces a namespace may keep for people. */
export interface RetainedPlaces {
  /** Takes a place for a run; false when its namespace has none left. Asking again gives the same place. */
  request(key: string): boolean;
  /** Counts a run whose workspace is kept already, as found after a restart. */
  hold(key: string): void;
  /** Gives a run's place back. */
  release(key: string): void;
}

/**
 * Who comes first keeps the place: a workspace that somebody looks into is not taken away for a newer one. It holds no truth of its own:
 * the Pods in the cluster do, and after a restart `hold` is called for each of them first.
 */
export function createRetainedPlaces(perNamespace: number): RetainedPlaces {
  const byNamespace = new Map<string, Set<string>>();

  function placesOf(key: string): Set<string> {
    const { namespace = '' } = parseKey(key);
    const places = byNamespace.get(namespace) ?? new Set();
    byNamespace.set(namespace, places);
    return places;
  }

  return {
    request(key) {
      const places = placesOf(key);
      if (!places.has(key) && places.size >= perNamespace) return false;
      places.add(key);
      return true;
    },
    hold: key => void placesOf(key).add(key),
    release(key) {
      const { namespace = '' } = parseKey(key);
      const places = byNamespace.get(namespace);
      places?.delete(key);
      if (places?.size === 0) byNamespace.delete(namespace);
    },
  };
}
