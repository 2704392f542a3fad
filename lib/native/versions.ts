/** The release that `lrdist setup` obtains. */
export const pinnedVersion = '2.13.0';

const oldest = [2, 11] as const;
const newest = [2, 14] as const;

export const supportedVersions = `${oldest.join('.')} to ${newest.join('.')}`;

export function isSupported(version: string): boolean {
  const [major, minor] = version.split('.').map(Number);
  return major === oldest[0] && minor !== undefined && minor >= oldest[1] && minor <= newest[1];
}

/** PyTorch's own index of CPU builds: a third of the size of the builds on the public index. */
export const cpuIndex = 'https://download.pytorch.org/whl/cpu';

/** SHA-256 of archives we have seen, by file name; others are checked against what their index says. */
export const knownChecksums: Readonly<Record<string, string>> = {
  'torch-2.13.0+cpu-cp311-cp311-manylinux_2_28_x86_64.whl':
    '6746dbcbeb526eb61330b76b41ff1b4eb848951103a892eeb080dfa2b264667b',
  'torch-2.13.0-cp311-cp311-manylinux_2_28_x86_64.whl':
    '60fcdcb2f3876e21146cb4524ef06397d727ca9ad5f020818547e25075fe3cb7',
};
