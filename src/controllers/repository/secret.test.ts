import { describe, expect, test } from 'vitest';
import { ApiError } from '../../kube/errors.ts';
import { readCredentials, type SecretReader } from './secret.ts';

const reader = (secrets: Record<string, Record<string, string>>): SecretReader => ({
  read: async (namespace, name) => secrets[`${namespace}/${name}`],
});
const refusing = (errorClass: 'forbidden' | 'transient'): SecretReader => ({
  read: async () => {
    throw new ApiError({ class: errorClass, code: 403, reason: 'x', message: 'refused' });
  },
});

describe('readCredentials', () => {
  test('given no secretRef, then there are none', async () => {
    expect(await readCredentials(reader({}), 'team', undefined)).toBeUndefined();
  });

  test('given a Secret, then only the keys that Git needs are taken', async () => {
    const secrets = reader({ 'team/git': { username: 'u', password: 'p', unrelated: 'x' } });

    expect(await readCredentials(secrets, 'team', { name: 'git' })).toEqual({
      values: expect.objectContaining({ username: 'u', password: 'p' }),
    });
    expect(JSON.stringify(await readCredentials(secrets, 'team', { name: 'git' }))).not.toContain('unrelated');
  });

  test('given an absent Secret, or one that may not be read, then the error says what to do', async () => {
    await expect(readCredentials(reader({}), 'team', { name: 'git' })).rejects.toMatchObject({
      code: 'InvalidCredentials',
      message: expect.stringContaining('create it'),
    });
    await expect(readCredentials(refusing('forbidden'), 'team', { name: 'git' })).rejects.toMatchObject({
      code: 'InvalidCredentials',
      message: expect.stringContaining('role'),
    });
  });

  test('given an API server that fails, then that is not the fault of the credentials', async () => {
    await expect(readCredentials(refusing('transient'), 'team', { name: 'git' })).rejects.toThrow('refused');
  });
});
