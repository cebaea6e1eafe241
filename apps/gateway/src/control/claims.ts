import { Injectable } from '@nestjs/common';
import type { control } from '@strata/contracts/grpc';
import { type GroupCommit, groupCommit } from '../db/group-commit.js';
import { JobChanges } from '../jobs/changes.js';
import { type ClaimDecision, decideClaim } from '../jobs/rules.js';

const UNKNOWN: ClaimDecision = { granted: false, reason: 'unknown', attempt: 0 };

/** Answers workers that ask whether to run a job; many in one commit. */
@Injectable()
export class Claims {
  private readonly group: GroupCommit<control.ClaimRequest, ClaimDecision>;

  constructor(changes: JobChanges) {
    this.group = groupCommit({
      most: 64,
      flying: 2,
      run: (requests) =>
        changes.change(
          requests.map((r) => r.jobId),
          (drafts) => {
            const now = new Date();
            return requests.map((r) => {
              const draft = drafts.get(r.jobId);
              return draft ? decideClaim(draft, r.workerId, r.attempt, now) : UNKNOWN;
            });
          },
          // lost in a crash of the database, a claim is made up for by the first event of its attempt
          { durability: 'relaxed' },
        ),
    });
  }

  claim(request: control.ClaimRequest): Promise<ClaimDecision> {
    return this.group.add(request);
  }
}
