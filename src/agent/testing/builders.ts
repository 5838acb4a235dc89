import { parseTakoFile } from '../../workflow/parse.ts';
import type { Workflow } from '../../workflow/types.ts';
import {
  type Assignment,
  type FanOutRequest,
  type FanOutState,
  PROTOCOL_VERSION,
  type ResultBody,
} from '../contract.ts';
import { GatewayCallError, type GatewayClient } from '../gateway-client.ts';

/** The workflow `release` of a file, whose body is given at no indentation. */
export function workflowOf(body: string): Workflow {
  const text = `version: 0.1.0\nartifacts: {core: {path: .}}\nworkflows:\n  release:\n${body.replaceAll(/^/gm, '    ')}\n`;
  const parsed = parseTakoFile(text);
  if (!parsed.ok) throw new Error(parsed.errors.map(({ message, keyPath }) => `${keyPath}: ${message}`).join('; '));
  return parsed.file.workflows.release!;
}

export function assignmentOf(changes: Partial<Assignment> = {}): Assignment {
  return {
    protocol: PROTOCOL_VERSION,
    run: {
      namespace: 'team',
      name: 'core-lib-release',
      uid: 'uid-run',
      runId: 'exec-20260101-000000-00000000',
      attempt: 1,
    },
    repository: {
      url: 'https://git.example.com/acme/core-lib.git',
      slug: 'acme/core-lib',
      path: 'tako.yml',
      commit: 'a'.repeat(40),
      configDigest: 'd'.repeat(64),
      credentials: false,
    },
    workflow: 'release',
    inputs: {},
    containers: [{ name: 'step-0', steps: [0] }],
    secrets: [],
    deadline: '2100-01-01T00:00:00Z',
    startTimeoutMs: 10_000,
    gitTimeoutMs: 20_000,
    gateway: { url: 'https://tako-gateway:8443', ca: '' },
    resultBytes: 3_072,
    ...changes,
  };
}

/** A gateway whose fan-outs end as the test says. */
export interface MemoryGateway extends Omit<GatewayClient, 'lock' | 'reportCacheUse'> {
  readonly fanOuts: { step: string; request: FanOutRequest }[];
  readonly stored: ResultBody[];
  /** How often somebody waited for a fan-out. */
  readonly waits: string[];
  /** What a fan-out of a step is when it is created, and when it has been waited for. */
  answer: { created: Partial<FanOutState>; ended: Partial<FanOutState> };
  failure: GatewayCallError | undefined;
}

export function createMemoryGateway(): MemoryGateway {
  const memory: MemoryGateway = {
    fanOuts: [],
    stored: [],
    waits: [],
    answer: { created: {}, ended: { phase: 'Succeeded' } },
    failure: undefined,
    async fanOut(step, request, signal) {
      if (memory.failure !== undefined) throw memory.failure;
      if (signal.aborted) throw new GatewayCallError('GatewayUnreachable', 'too late');
      memory.fanOuts.push({ step, request });
      return { run: `run-${step}`, finished: false, ...memory.answer.created };
    },
    async waitForFanOut(step) {
      memory.waits.push(step);
      return { run: `run-${step}`, finished: true, ...memory.answer.ended };
    },
    async storeResult(body) {
      if (memory.failure !== undefined) throw memory.failure;
      memory.stored.push(body);
      return { name: 'result', digest: 'e'.repeat(64) };
    },
    close: () => {},
  };
  return memory;
}
