import { defineRecipe } from '@strata/contracts';
import { CLASSIFIER_OUTPUTS, judgedInputs } from '../../shared/recipe-parts.js';
import { imageClassifierParams } from './params.js';
import { smokePictures } from './smoke.js';

export default defineRecipe({
  name: 'vision/image-classifier',
  version: 1,
  queue: 'train',
  title: { en: 'Image classifier', zh: '图像分类器' },
  summary: {
    en: 'Learns classes of pictures with a convolutional network of residual blocks: augmentation, batch or group normalisation, any size.',
    zh: '用残差卷积网络学习图片类别：支持数据增强、批归一化或组归一化，图片尺寸任意。',
  },
  catalog: [
    'image-classification',
    'cnn',
    'residual-connections',
    'build-vision-cnn',
    'resnet',
    'supervised-learning',
    'image-augmentation',
    'batch-normalisation',
    'group-normalisation',
    'stochastic-gradient-descent',
    'adam',
    'dropout',
    'weight-decay',
  ],
  params: imageClassifierParams,
  inputs: {
    train: {
      kind: 'dataset',
      description: {
        en: 'Pictures: a ZIP archive of class folders or of IDX files',
        zh: '训练图片：按类别分文件夹或含 IDX 文件的 ZIP 压缩包',
      },
    },
    ...judgedInputs({ en: 'Pictures', zh: '图片' }),
  },
  outputs: CLASSIFIER_OUTPUTS,
  resumable: true,
  smoke: {
    params: {
      hidden_sizes: [4, 8],
      depths: [1, 1],
      epochs: 4,
      batch_size: 16,
      crop_padding: 1,
      degrees: 5,
      cutout: 2,
      dropout: 0.1,
      learning_rate: 0.02,
    },
    inputs: { train: { format: 'images', dataset: smokePictures } },
    falls: 'train_loss',
  },
  reference: {
    metric: 'test_accuracy',
    value: 0.9949,
    tolerance: 0.0025,
    data: 'MNIST, 60,000 training pictures (a tenth of them for validation), 10,000 test pictures, 5 epochs',
    command:
      'npm run strata -- submit vision/image-classifier --input train=mnist-train.zip --input test=mnist-test.zip --epochs 5 --seed 1 --watch',
    date: '2026-11-23',
    hardware: '2 shared x86-64 cores, CPU',
    commit: '856e02c',
  },
  run: () => import('./image-classifier.run.js'),
});
