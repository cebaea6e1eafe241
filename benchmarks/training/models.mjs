// The models of peer.py in Strata, each with one batch.
import {
  batchNorm,
  bert,
  conv2d,
  crossEntropy,
  dense,
  globalAveragePool,
  gpt,
  lmHead,
  lstm,
  mlmHead,
  residualBlock,
} from '@strata/nn';
import { createRng } from '@strata/kernel';
import { tensor } from '@strata/runtime';
import { adam, buildTrainStep } from '@strata/training';

const rng = createRng(1);
const floats = (...dims) =>
  tensor.float32(
    Float32Array.from({ length: dims.reduce((a, d) => a * d, 1) }, () => rng.normal()),
    dims,
  );
const ids = (below, ...dims) =>
  tensor.int64(
    Int32Array.from({ length: dims.reduce((a, d) => a * d, 1) }, () => rng.int(below)),
    dims,
  );

const TRANSFORMERS = {
  // vocabulary, width, layers, heads, batch, tokens: as in peer.py
  gpt: [8192, 256, 4, 4, 16, 128],
  bert: [8192, 256, 4, 4, 16, 128],
  char: [65, 128, 4, 4, 12, 64],
};

function transformer(name) {
  const [vocab_size, n_embd, n_layer, n_head, batch, block_size] = TRANSFORMERS[name];
  const config = { vocab_size, n_embd, n_layer, n_head, block_size };
  return {
    feeds: { input_ids: ids(vocab_size, batch, block_size), labels: ids(vocab_size, batch, block_size) },
    build(b) {
      const input = b.input('input_ids', 'int64', [batch, block_size]);
      const labels = b.input('labels', 'int64', [batch, block_size]);
      const options = { training: true };
      const logits =
        name === 'bert'
          ? mlmHead(b, bert(b, input, undefined, config, options), config, { norm: false })
          : lmHead(b, gpt(b, input, config, options), config);
      return crossEntropy(b, b.op.Reshape(logits, [-1, vocab_size]), b.op.Reshape(labels, [-1]));
    },
  };
}

const MODELS = {
  gpt: () => transformer('gpt'),
  bert: () => transformer('bert'),
  char: () => transformer('char'),
  mlp: () => ({
    feeds: { x: floats(128, 784), labels: ids(10, 128) },
    build(b) {
      let x = b.input('x', 'float32', [128, 784]);
      for (const [i, units] of [1024, 1024].entries()) x = b.op.Relu(dense(b, x, { name: `hidden_${i}`, units }));
      return crossEntropy(b, dense(b, x, { name: 'output', units: 10 }), b.input('labels', 'int64', [128]));
    },
  }),
  lstm: () => ({
    feeds: { x: floats(32, 64, 128), labels: ids(10, 32) },
    build(b) {
      const last = lstm(b, b.input('x', 'float32', [32, 64, 128]), { name: 'lstm', units: 256, training: true }).last();
      return crossEntropy(b, dense(b, last, { name: 'head', units: 10 }), b.input('labels', 'int64', [32]));
    },
  }),
  cnn: () => ({
    feeds: { x: floats(64, 3, 32, 32), labels: ids(10, 64) },
    build(b) {
      const x = b.input('x', 'float32', [64, 3, 32, 32]);
      const layers = { training: true, norm: 'batch' };
      let y = conv2d(b, x, { name: 'stem', outChannels: 32, kernelSize: 3, padding: 1, bias: false });
      y = b.op.Relu(batchNorm(b, y, { name: 'norm', training: true }));
      for (const [i, outChannels] of [32, 64, 128].entries())
        y = residualBlock(b, y, { name: `block_${i}`, outChannels, stride: i === 0 ? 1 : 2, ...layers });
      const logits = dense(b, globalAveragePool(b, y), { name: 'head', units: 10 });
      return crossEntropy(b, logits, b.input('labels', 'int64', [64]));
    },
  }),
};

/** The training step of a model, and feeds of the sizes that it was built for. */
export function modelOf(name) {
  const { build, feeds } = MODELS[name]();
  return { step: buildTrainStep(build, { optimizer: adam() }), feeds };
}
