import { StrataError } from '@strata/kernel';
import { frameworkShares, modelsByDeveloper } from './figures.js';
import type { Insight } from './insight.js';
import { stageApplicationMatrix, trendTimeline } from './methods.js';
import { participantsByClass } from './participants.js';

export const INSIGHTS: readonly Insight[] = [
  participantsByClass,
  frameworkShares,
  modelsByDeveloper,
  stageApplicationMatrix,
  trendTimeline,
];

/** @throws StrataError `not_found` */
export function insightNamed(name: string): Insight {
  const found = INSIGHTS.find((i) => i.name === name);
  if (!found)
    throw new StrataError(
      'not_found',
      `there is no insight "${name}"; there are ${INSIGHTS.map((i) => i.name).join(', ')}`,
    );
  return found;
}
