/**
 * Writes a rates file with groups of its own, reads it back and shows what each group covers in a model.
 *
 *   node examples/own-rates.ts MODEL_FOLDER FILE.rates.json
 *
 * The file then serves `lrdist train --rates FILE.rates.json`.
 */
import { assign, openModel, type RateDistribution, readRatesFile, writeRatesFile } from '../lib/index.ts';

const [path, file] = process.argv.slice(2);
if (path === undefined || file === undefined) throw new Error('expected a folder and a file');

await using model = await openModel({ path, tasks: [{ name: 'task', labels: ['no', 'yes'] }] });
const distribution: RateDistribution = {
  name: 'fast-attention',
  layers: model.config.num_hidden_layers,
  // The first group that matches a parameter takes it.
  groups: [
    { name: 'norms', match: ['*LayerNorm*'] },
    { name: 'attention', match: ['*.attention.*'] },
    { name: 'body', match: ['bert.embeddings.*', 'bert.encoder.*'] },
    { name: 'heads', match: ['*'] },
  ],
  // By stage: the second task moves the body less than the first did.
  stages: [
    { norms: 1e-4, attention: 1e-4, body: 5e-5, heads: 5e-4 },
    { norms: 0, attention: 5e-5, body: 1e-5, heads: 5e-4 },
  ],
  provenance: { why: 'an example' },
};
await writeRatesFile(file, distribution);

const { groups } = await readRatesFile(file);
const groupOf = assign(
  model.parameters.map(({ name }) => name),
  groups,
);
for (const [g, { name }] of groups.entries())
  console.log(name, groupOf.filter((group) => group === g).length, 'tensors');
