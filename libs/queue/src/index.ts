export { createConsumer } from './consumer.js';
export type {
  Backoff,
  ConsumedJob,
  Consumer,
  ConsumerOptions,
  FlowNode,
  ItemState,
  JobHandler,
  QueueConfig,
  QueueCounts,
  QueueItem,
  QueuePort,
  QueuedItem,
  Unsubscribe,
} from './port.js';
export { createQueue } from './queue.js';
