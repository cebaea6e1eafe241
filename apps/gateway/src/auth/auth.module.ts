import { Global, Module } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { AuthGuard } from './auth.guard.js';
import { Authenticator } from './authenticator.js';
import { KeyCache } from './key-cache.js';
import { KeysController } from './keys.controller.js';
import { KeysService } from './keys.service.js';

@Global()
@Module({
  controllers: [KeysController],
  providers: [KeyCache, Authenticator, KeysService, { provide: APP_GUARD, useClass: AuthGuard }],
  exports: [Authenticator, KeyCache, KeysService],
})
export class AuthModule {}
