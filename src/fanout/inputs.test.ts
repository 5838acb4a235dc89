import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_INPUT_BYTES } from '../api/takorun.ts';
import { canonicalJson } from './fingerprint.ts';
import { childInputs, resolveInputs } from './inputs.ts';
import { buildEvent, buildSubscriber, buildSubscription } from './testing/builders.ts';

describe('childInputs', () => {
  it('given templates, then they see the event and its payload', () => {
    const templates = {
      version: '{{ .event.payload.version }}',
      'short-version': 'v{{ .payload.version }}',
      about: '{{ .event.type }} {{ .event.schema_version }} {{ .event.source }}',
      fixed: 'nightly',
    };
    expect(childInputs(templates, buildEvent())).toEqual({
      ok: true,
      inputs: {
        version: '1.4.0',
        'short-version': 'v1.4.0',
        about: 'library_built 1.2.0 acme/core-lib:core',
        fixed: 'nightly',
      },
    });
  });

  it('given a comparison, then it is true or false as text', () => {
    const breaking = "{{ .event.payload.breaking == 'true' }}";
    expect(childInputs({ breaking }, buildEvent({ payload: { breaking: 'true' } }))).toMatchObject({
      inputs: { breaking: 'true' },
    });
    expect(childInputs({ breaking }, buildEvent({ payload: { breaking: 'no' } }))).toMatchObject({
      inputs: { breaking: 'false' },
    });
  });

  it.each([
    ['a key that the payload has not', '{{ .event.payload.sha }}'],
    ['a syntax error', '{{ .event.payload. }}'],
    ['something of the emitter', '{{ .env.HOME }}'],
    ['what every object inherits', '{{ .payload.__proto__ }}'],
  ])('given %s, then the input is named and nothing is made up', (_what, template) => {
    expect(childInputs({ good: 'x', bad: template }, buildEvent())).toMatchObject({
      ok: false,
      message: expect.stringMatching(/^input bad: /),
    });
  });

  it('given a template in the payload, then it stays text', () => {
    const event = buildEvent({ payload: { version: '{{ .event.source }}' } });
    expect(childInputs({ version: '{{ .payload.version }}' }, event)).toMatchObject({
      inputs: { version: '{{ .event.source }}' },
    });
  });

  it('given inputs at the bound and one byte above it, then the second is refused', () => {
    const room = MAX_INPUT_BYTES - canonicalJson({ a: '', b: '' }).length;
    const event = (bytes: number) => buildEvent({ payload: { x: 'x'.repeat(bytes) } });
    const templates = { a: '{{ .payload.x }}', b: 'y'.repeat(1_000) };
    expect(childInputs(templates, event(room - 1_000))).toMatchObject({ ok: true });
    expect(childInputs(templates, event(room - 999))).toMatchObject({
      ok: false,
      message: `the inputs have ${MAX_INPUT_BYTES + 1} bytes, at most ${MAX_INPUT_BYTES} are allowed`,
    });
  });

  it('given one input that alone is too large, then it is not rendered to its end', () => {
    const event = buildEvent({ payload: { x: 'x'.repeat(40_000) } });
    expect(childInputs({ a: '{{ .payload.x }}' }, event)).toMatchObject({ ok: false });
  });

  it('given any text in the payload, then the input is that text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 100 }), text => {
        const result = childInputs({ text: '{{ .payload.text }}' }, buildEvent({ payload: { text } }));
        expect(result).toEqual({ ok: true, inputs: { text } });
      }),
    );
  });
});

describe('resolveInputs', () => {
  it('given one whose templates fail, then it is skipped and the others go on', () => {
    const good = buildSubscriber();
    const inputs = { sha: '{{ .payload.sha }}' };
    const bad = buildSubscriber({ slug: 'acme/app-two', subscription: buildSubscription({ inputs }) });
    const { resolved, skipped } = resolveInputs([bad, good], buildEvent());
    expect(resolved).toEqual([{ subscriber: good, inputs: {} }]);
    expect(skipped).toMatchObject([
      { repository: 'acme/app-two', reason: 'InputError', message: expect.stringContaining('sha') },
    ]);
  });
});
