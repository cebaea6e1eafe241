import { Module } from '@nestjs/common';
import { CommandBus } from './command-bus.js';

@Module({ providers: [CommandBus], exports: [CommandBus] })
export class CommandsModule {}
