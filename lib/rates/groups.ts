import { LrdistError } from '../errors.ts';
import { compilePattern, nearestNames } from './patterns.ts';

/**
 * A named set of parameters. `match` holds patterns over Hugging Face parameter names: a glob, where `*` stands for any characters
 * (`bert.encoder.layer.3.*`), or a regular expression between slashes (`/\.layer\.[0-3]\./`).
 */
export interface GroupSpec {
  readonly name: string;
  readonly match: readonly string[];
}

/**
 * Index of the group of each parameter, in the order of `parameterNames`. The first group that matches wins.
 *
 * @throws LrdistError ERR_GROUP_EMPTY if a group ends up with no parameter, ERR_PARAMETER_UNCLAIMED if a parameter matches no group.
 */
export function assign(parameterNames: readonly string[], groups: readonly GroupSpec[]): Int32Array {
  const patterns = groups.map((group) => group.match.map(compilePattern));
  const groupOf = Int32Array.from(parameterNames, (name) =>
    patterns.findIndex((tests) => tests.some((test) => test(name))),
  );
  refuseUnclaimed(parameterNames, groupOf, groups);
  refuseEmpty(parameterNames, groupOf, groups);
  return groupOf;
}

function refuseUnclaimed(names: readonly string[], groupOf: Int32Array, groups: readonly GroupSpec[]): void {
  const unclaimed = names.filter((_, i) => groupOf[i] === -1);
  if (unclaimed.length === 0) return;
  const shown = unclaimed.slice(0, 5).join(', ') + (unclaimed.length > 5 ? ', ...' : '');
  throw new LrdistError(
    'ERR_PARAMETER_UNCLAIMED',
    `${unclaimed.length} of ${names.length} parameters match no group: ${shown}`,
    {
      remedy: `Groups are tried in order: ${groups.map((group) => group.name).join(', ')}. Add a last group that matches "*" to take what is left.`,
    },
  );
}

function refuseEmpty(names: readonly string[], groupOf: Int32Array, groups: readonly GroupSpec[]): void {
  const used = new Set(groupOf);
  for (const [index, group] of groups.entries()) {
    if (used.has(index)) continue;
    const patterns = group.match.map((pattern) => `"${pattern}"`).join(', ');
    const tests = group.match.map(compilePattern);
    const taken = names.find((name) => tests.some((test) => test(name)));
    if (taken !== undefined) {
      const earlier = groups[groupOf[names.indexOf(taken)]!]!.name;
      throw new LrdistError(
        'ERR_GROUP_EMPTY',
        `group "${group.name}" is empty: all that ${patterns} matches, such as ${taken}, belongs to the earlier group "${earlier}"`,
        {
          remedy: `Put "${group.name}" before "${earlier}", or remove it.`,
        },
      );
    }
    const near = nearestNames(group.match, names).join(', ');
    throw new LrdistError(
      'ERR_GROUP_EMPTY',
      `group "${group.name}" matches no parameter: ${patterns}. Near parameter names: ${near}`,
      {
        remedy: 'Correct the pattern, or remove the group. Is the distribution written for another number of layers?',
      },
    );
  }
}
