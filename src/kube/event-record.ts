import type { KubeEvent, Live, ObjectReference } from './objects.ts';
import { formatMicroTime } from './time.ts';

/** What happened, for `kubectl describe` and `kubectl events`. */
export interface EventInput {
  regarding: Live;
  related?: ObjectReference | undefined;
  type: 'Normal' | 'Warning';
  /** Why, CamelCase, at most 128 characters; the same words as in conditions. */
  reason: string;
  /** What was done, CamelCase, at most 128 characters. */
  action: string;
  /** For people; cut at 1 KiB. */
  note: string;
}

/** Who reports, as events.k8s.io/v1 wants it. */
export interface Reporter {
  /** A qualified name, such as `example.com/controller`. */
  reportingController: string;
  /** At most 128 characters, such as the Pod's name. */
  reportingInstance: string;
}

// Limits of kubernetes/pkg/apis/core/validation/events.go.
const longestNoteBytes = 1024;
const longestWord = 128;
const longestName = 253;

/** Two inputs with the same fingerprint are the same event happening again. */
export function fingerprint({ regarding, related, type, reason, action, note }: EventInput): string {
  return JSON.stringify([regarding.metadata.uid, related?.uid, type, reason, action, note]);
}

/** The event as the API server takes it. It lives in the namespace of its object, or in `default` when that has none. */
export function toKubeEvent(input: EventInput, reporter: Reporter, id: string, now: Date): KubeEvent {
  const { regarding, related, type, reason, action, note } = input;
  const { name, namespace, uid, resourceVersion } = regarding.metadata;
  const eventNamespace = namespace ?? 'default';
  return {
    apiVersion: 'events.k8s.io/v1',
    kind: 'Event',
    metadata: { name: eventName(name, id), namespace: eventNamespace },
    eventTime: formatMicroTime(now),
    type,
    reason: reason.slice(0, longestWord),
    action: action.slice(0, longestWord),
    note: cutUtf8(note, longestNoteBytes),
    regarding: {
      apiVersion: regarding.apiVersion,
      kind: regarding.kind,
      name,
      uid,
      resourceVersion,
      ...(namespace === undefined ? {} : { namespace }),
    },
    ...(related === undefined ? {} : { related }),
    reportingController: reporter.reportingController,
    reportingInstance: reporter.reportingInstance.slice(0, longestWord),
  };
}

/** `object.id`, still a DNS subdomain when the object's name has to be cut. */
function eventName(object: string, id: string): string {
  const room = longestName - id.length - 1;
  return `${object.slice(0, room).replace(/[-.]+$/, '')}.${id}`;
}

/** At most `bytes` of UTF-8, without half a character, with an ellipsis where something is missing. */
export function cutUtf8(text: string, bytes: number): string {
  const encoded = Buffer.from(text);
  if (encoded.length <= bytes) return text;
  const ellipsis = '…';
  let end = bytes - Buffer.byteLength(ellipsis);
  // Continuation bytes are 10xxxxxx: go back to the start of a character.
  while ((encoded[end]! & 0xc0) === 0x80) end -= 1;
  return encoded.subarray(0, end).toString('utf8') + ellipsis;
}
