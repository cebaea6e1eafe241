// Trains the models of curves.ts on the device of the first argument and prints what came out as JSON: a program, because a broken driver may abort its process.
import type { DeviceKind } from '@strata/runtime';
import { curve, CURVES } from './curves.js';

const [device, steps] = process.argv.slice(2);
const result: Record<string, unknown> = {};
for (const [name, model] of Object.entries(CURVES))
  result[name] = await curve(model, device as DeviceKind, Number(steps));
console.log(JSON.stringify(result));
