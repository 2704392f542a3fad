/** What is used of jstat, which has no types of its own. */
declare module 'jstat' {
  const jStat: {
    readonly studentt: {
      /** P(T <= t) with that many degrees of freedom. */
      cdf(t: number, degrees: number): number;
      /** The t with P(T <= t) = p. */
      inv(p: number, degrees: number): number;
    };
  };
  export default jStat;
}
