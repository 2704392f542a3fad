/** Mean of the last tenth of a run's losses; null where it is not finite. */
export function finalLoss(losses: Float32Array): number | null {
  const last = losses.subarray(losses.length - Math.max(1, Math.floor(losses.length / 10)));
  const mean = last.reduce((sum, loss) => sum + loss, 0) / last.length;
  return Number.isFinite(mean) ? mean : null;
}
