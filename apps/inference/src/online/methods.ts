import type { inference } from '@strata/contracts/grpc';
import { StrataError } from '@strata/kernel';
import type { Implementation } from '@strata/service-kit';
import { inferResponse, requestTensors } from '@strata/serving/protocol';
import type { Repository } from './repository.js';

type Service = typeof inference.GRPCInferenceServiceService;
type Parameter = inference.ModelRepositoryParameter | undefined;

/** Name of the platform in model metadata, as Triton calls it. */
const PLATFORM = 'onnx_onnxv1';

/** The Open Inference Protocol, version 2, and its repository extension, over the opened models. */
export function inferenceMethods(
  repository: Repository,
  server: { readonly version: string; readonly ready: () => boolean },
): Implementation<Service> {
  const { host } = repository;
  return {
    serverLive: async () => ({ live: true }),
    serverReady: async () => ({ ready: server.ready() }),
    modelReady: async ({ name, version }) => ({ ready: host.ready(required(name, 'name'), version) }),
    serverMetadata: async () => ({
      name: 'strata',
      version: server.version,
      extensions: ['model_repository'],
    }),

    async modelMetadata({ name, version }) {
      const { versions, manifest } = host.describe(required(name, 'name'), version);
      return {
        name,
        versions,
        platform: PLATFORM,
        inputs: manifest.inputs,
        outputs: manifest.outputs,
        properties: {
          task: manifest.task,
          recipe: manifest.recipe,
          ...(manifest.labels ? { labels: JSON.stringify(manifest.labels) } : {}),
        },
      };
    },

    async modelInfer(request) {
      const name = required(request.modelName, 'model_name');
      const result = await host.infer(
        name,
        request.modelVersion,
        requestTensors(request),
        request.outputs.map((o) => o.name),
      );
      return {
        ...inferResponse(
          { model: name, version: result.version, id: request.id, raw: request.rawInputContents.length > 0 },
          result.outputs,
        ),
        parameters: {
          compute_ms: { parameterChoice: { $case: 'doubleParam', value: result.computeMs } },
          queue_ms: { parameterChoice: { $case: 'doubleParam', value: result.queueMs } },
        },
      };
    },

    repositoryIndex: async ({ ready }) => ({ models: host.index().filter((m) => !ready || m.state === 'READY') }),

    async repositoryModelLoad({ modelName, parameters }) {
      await repository.load(
        required(modelName, 'model_name'),
        required(text(parameters['version']), 'parameters.version'),
        required(text(parameters['files']), 'parameters.files'),
      );
      return {};
    },

    async repositoryModelUnload({ modelName, parameters }) {
      await host.unload(required(modelName, 'model_name'), text(parameters['version']));
      return {};
    },
  };
}

function required(value: string | undefined, field: string): string {
  if (value) return value;
  throw new StrataError('invalid_request', `the field ${field} is missing`, { where: { field } });
}

function text(p: Parameter): string | undefined {
  const choice = p?.parameterChoice;
  if (choice?.$case === 'stringParam') return choice.value;
  if (choice?.$case === 'int64Param') return String(choice.value);
  return undefined;
}
