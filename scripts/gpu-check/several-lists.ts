/** Which devices train one job together in the check. Pure. */

/**
 * Two, and all where there are more. A check of one GPU that was chosen by its number is of that one.
 *
 * @param gpus names of those that are there
 * @returns lists of devices, or why there are none
 */
export function severalLists(device: string, gpus: readonly string[]): readonly string[] | string {
  if (device === 'emulated') return ['emulated,emulated'];
  if (device !== 'cuda') return `skipped, the check is of ${device} alone`;
  if (gpus.length < 2) return gpus.length === 1 ? 'skipped, one GPU' : 'skipped, no GPU';
  return [gpus.slice(0, 2).join(','), ...(gpus.length > 2 ? [gpus.join(',')] : [])];
}
