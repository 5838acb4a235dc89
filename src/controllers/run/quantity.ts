const QUANTITY = /^([+-]?(?:\d+\.?\d*|\.\d+))(?:(n|u|m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)|[eE]([+-]?\d{1,3}))?$/;

const FACTORS = new Map<string, number>([
  ['n', 1e-9],
  ['u', 1e-6],
  ['m', 1e-3],
  ['k', 1e3],
  ['M', 1e6],
  ['G', 1e9],
  ['T', 1e12],
  ['P', 1e15],
  ['E', 1e18],
  ['Ki', 2 ** 10],
  ['Mi', 2 ** 20],
  ['Gi', 2 ** 30],
  ['Ti', 2 ** 40],
  ['Pi', 2 ** 50],
  ['Ei', 2 ** 60],
]);

/**
 * The value of a Kubernetes quantity, good enough to compare two; undefined for what is none.
 * https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
 */
export function parseQuantity(text: string): number | undefined {
  const match = QUANTITY.exec(text);
  if (match === null) return undefined;
  const [, digits, suffix, exponent] = match;
  const factor = suffix === undefined ? 10 ** Number(exponent ?? 0) : FACTORS.get(suffix)!;
  return Number(digits) * factor;
}

/** The requests, none above the limit of its name: the API server takes no Pod that asks for more than it may have. */
export function withinLimits(
  requests: Readonly<Record<string, string>>,
  limits: Readonly<Record<string, string>>,
): Record<string, string> {
  return Object.fromEntries(
    Object.entries(requests).map(([name, request]) => {
      const limit = limits[name];
      if (limit === undefined) return [name, request];
      const [asked, most] = [parseQuantity(request), parseQuantity(limit)];
      return [name, asked !== undefined && most !== undefined && asked > most ? limit : request];
    }),
  );
}
