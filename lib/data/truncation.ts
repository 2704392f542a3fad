/**
 * Tokens kept of each side of a pair so that both fit into `room`, as Hugging Face's `longest_first` does it: only the longer side is cut
 * while that is enough, otherwise both become equally long, an odd token going to the longer side (to the second if they are equal).
 */
export function longestFirst(a: number, b: number, room: number): readonly [a: number, b: number] {
  if (a > b) {
    const [keepB, keepA] = longestFirst(b, a, room);
    return [keepA, keepB];
  }
  if (a + b <= room) return [a, b];
  const half = Math.floor(room / 2);
  return a <= half ? [a, room - a] : [half, room - half];
}
