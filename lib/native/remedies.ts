const rebuild = 'Build it again: `npx lrdist setup --force`.';

/** What a loader's message means, by the words it contains. First match for each message wins. */
const causes: readonly (readonly [pattern: RegExp, remedy: string])[] = [
  [
    /lib(torch|c10|gomp|cudart|cupti|cublas|cudnn|nccl)\S*: cannot open shared object/,
    'libtorch is not where it was at build time: run `npx lrdist setup`.',
  ],
  [/cannot open shared object/, 'A system library is missing: install the package that holds the file named above.'],
  [
    /met libtorch/,
    'Another libtorch came first: unset LD_LIBRARY_PATH and LD_PRELOAD, and load no other libtorch in this process. Else: `npx lrdist setup --force`.',
  ],
  [
    /GLIBC(XX)?_/,
    'The addon or libtorch needs a newer C or C++ library than this system has: build here with `npx lrdist setup --force`, or use a newer system.',
  ],
  [/undefined symbol/, `It was compiled against another libtorch. ${rebuild}`],
  [/another processor|was built for/, rebuild],
  [/boundary version/, `It belongs to another version of lrdist. ${rebuild}`],
  [/cut short|not an ELF|not a 64-bit|file too short/, `The file is damaged. ${rebuild}`],
  [/static TLS/, 'Load lrdist before other native packages.'],
  [/did not self-register/, rebuild],
];

/** Possible solutions for loader messages, one a line. */
export function remedies(messages: readonly string[]): string {
  const found = messages.map((message) => causes.find(([pattern]) => pattern.test(message))?.[1] ?? rebuild);
  return ['Possible solutions:', ...new Set(found).add('See all facts with `npx lrdist doctor`.')].join('\n  - ');
}
