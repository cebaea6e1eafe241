import { Injectable } from '@nestjs/common';
import type { PredictRequest, PredictResponse } from '@strata/contracts';
import type { inference } from '@strata/contracts/grpc';
import { isStrataError, StrataError, toStrataError } from '@strata/kernel';
import { inferRequest, predictionsOf, responseTensors, tensorsOf } from '@strata/serving/protocol';
import { Histogram, Registry } from 'prom-client';
import type { VersionRow } from '../models/model.table.js';
import { ModelsService } from '../models/models.service.js';
import { DEPLOYED, selectorOf } from '../models/ref.js';
import { InferencePool } from './inference-pool.js';
import { LOAD_DEADLINE_MS, loadRequest, wireName } from './wire-model.js';

const INFER_DEADLINE_MS = 30_000;

/** Online prediction: rows in, tensors to an inference worker, predictions out. */
@Injectable()
export class PredictService {
  private readonly seconds: Histogram<'outcome'>;

  constructor(
    private readonly models: ModelsService,
    private readonly pool: InferencePool,
    registry: Registry,
  ) {
    this.seconds = new Histogram({
      name: 'strata_predict_seconds',
      help: 'Time of an online prediction in the gateway, inference included, by outcome (ok or the error code)',
      labelNames: ['outcome'],
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5, 30],
      registers: [registry],
    });
  }

  /**
   * @throws StrataError `invalid_input`, `unknown_column` (naming row and field), `not_found`, `conflict` when nothing is deployed, `invalid_model`,
   *   `unavailable`
   */
  async predict(tenantId: string, name: string, body: PredictRequest, requestId: string): Promise<PredictResponse> {
    const stop = this.seconds.startTimer();
    try {
      const answer = await this.answer(tenantId, name, body, requestId);
      stop({ outcome: 'ok' });
      return answer;
    } catch (e) {
      stop({ outcome: toStrataError(e).code });
      throw e;
    }
  }

  private async answer(
    tenantId: string,
    name: string,
    body: PredictRequest,
    requestId: string,
  ): Promise<PredictResponse> {
    const row = await this.version(tenantId, name, body.version);
    if (row.manifest.task === 'other')
      throw new StrataError(
        'invalid_model',
        `model ${name} was imported without saying what it predicts, so rows cannot be made into its tensors: import it again in a .zip with a model.json`,
      );
    const wire = wireName(row);
    const inputs = tensorsOf(row.manifest, body.inputs);
    const request = inferRequest({
      model: wire.name,
      version: wire.version,
      id: requestId,
      inputs,
    });
    const response = await this.infer(row, request, requestId);
    const compute = response.parameters['compute_ms']?.parameterChoice;
    return {
      model: name,
      version: row.version,
      predictions: predictionsOf(row.manifest, responseTensors(response), inputs),
      usage: { rows: body.inputs.length, compute_ms: compute?.$case === 'doubleParam' ? compute.value : 0 },
    };
  }

  private async version(tenantId: string, name: string, wanted: PredictRequest['version']): Promise<VersionRow> {
    if (wanted !== undefined) return this.models.select(tenantId, name, selectorOf(wanted));
    const deployed = await this.models.lookUp(tenantId, name, { alias: DEPLOYED });
    if (deployed) return deployed;
    throw new StrataError(
      'conflict',
      `model ${name} is not deployed: POST /api/models/${name}/deploy, or name a version in the request`,
    );
  }

  /** A worker that does not have the model yet, or has closed it to make room, gets it and is asked again. */
  private infer(
    row: VersionRow,
    request: inference.ModelInferRequest,
    requestId: string,
  ): Promise<inference.ModelInferResponse> {
    return this.pool.withOne(async (client) => {
      const options = { requestId, deadlineMs: INFER_DEADLINE_MS };
      try {
        return await client.call.modelInfer(request, options);
      } catch (e) {
        if (!isStrataError(e) || e.code !== 'not_found') throw e;
        await client.call.repositoryModelLoad(loadRequest(row), { requestId, deadlineMs: LOAD_DEADLINE_MS });
        return client.call.modelInfer(request, options);
      }
    });
  }
}
