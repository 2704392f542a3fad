import assert from 'node:assert/strict';

export type RefusedCase = readonly [field: RegExp, change: Record<string, unknown>];

/** `call` with each change to the right argument must fail with ERR_INVALID_OPTION and a message that begins with the field. */
export async function refuses(
  right: object,
  cases: readonly RefusedCase[],
  call: (argument: never) => unknown,
): Promise<void> {
  for (const [field, change] of cases) {
    const changed = { ...right, ...change };
    await assert.rejects(
      async () => call(changed as never),
      (error: Error & { code?: string }) => {
        assert.equal(error.code, 'ERR_INVALID_OPTION', `${field}: ${error}`);
        assert.match(error.message, field);
        return true;
      },
      `${field} was accepted`,
    );
  }
}
