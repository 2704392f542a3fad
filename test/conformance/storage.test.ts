import { describe } from 'node:test';
import { claimCases } from './storage/claims.ts';
import { kinds } from './storage/kinds.ts';
import { modelCases } from './storage/model.ts';
import { processCases } from './storage/processes.ts';
import { studyCases } from './storage/studies.ts';
import { trialCases } from './storage/trials.ts';

/** What every kind of storage does. */
for (const kind of kinds())
  describe(kind.name, () => {
    studyCases(kind);
    trialCases(kind);
    claimCases(kind);
    if (kind.shared) processCases(kind);
    if (kind.shared) modelCases(kind);
  });
