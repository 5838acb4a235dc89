import { describe, expect, it } from 'vitest';
import { mistypedSettings } from './mistyped.ts';

describe('variables that are no settings', () => {
  it('given a name that is nearly a setting, then the setting is named', () => {
    expect(mistypedSettings({ TAKO_STAP_IMAGE: 'x' })).toEqual([
      'there is no setting TAKO_STAP_IMAGE, did you mean TAKO_STEP_IMAGE? It has no effect.',
    ]);
  });

  it.each([
    ['a setting', 'TAKO_STEP_IMAGE'],
    ['a variable of something else', 'STEP_IMAGE'],
    ['a name that is like none, as of another version', 'TAKO_SOMETHING_QUITE_DIFFERENT'],
    ['what Kubernetes says of a Service', 'TAKO_GATEWAY_SERVICE_HOST'],
    ['the port of a Service', 'TAKO_GATEWAY_SERVICE_PORT_HTTPS'],
    ['the address of a Service', 'TAKO_GATEWAY_PORT_8443_TCP'],
    ['the address of a Service in its parts', 'TAKO_GATEWAY_PORT_8443_TCP_ADDR'],
  ])('given %s, then nothing is said', (_, name) => {
    expect(mistypedSettings({ [name]: 'x' })).toEqual([]);
  });
});
