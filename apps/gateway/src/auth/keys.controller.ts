import { Body, Controller, Delete, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import { ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';
import { CreateKey, KeyView, listOf, ListQuery } from '@strata/contracts';
import { z } from 'zod';
import type { Page } from '../http/paging.js';
import { Id } from '../http/schemas.js';
import { KeysService } from './keys.service.js';
import { CurrentPrincipal, CurrentTenant, type Principal, RequireScope } from './principal.js';

const RotateKey = z
  .strictObject({
    grace_s: z.number().int().min(0).max(2_592_000).default(86_400).describe('seconds that the old secret lives on'),
  })
  .prefault({})
  .meta({ id: 'RotateKey' });

@ApiTags('keys')
@Controller('api/keys')
@RequireScope('admin')
export class KeysController {
  constructor(private readonly keys: KeysService) {}

  @Post()
  @ApiOperation({ summary: 'Create an API key of your tenant; the answer alone holds its secret' })
  @ApiResponse({ status: 201, standardSchema: KeyView })
  create(@CurrentTenant() tenant: string, @Body({ schema: CreateKey }) body: CreateKey): Promise<KeyView> {
    return this.keys.create(tenant, body);
  }

  @Get()
  @ApiOperation({ summary: 'API keys of your tenant, newest first' })
  @ApiResponse({ status: 200, standardSchema: listOf(KeyView) })
  list(@CurrentTenant() tenant: string, @Query({ schema: ListQuery }) query: ListQuery): Promise<Page<KeyView>> {
    return this.keys.list(tenant, query);
  }

  @Get('current')
  @RequireScope('read')
  @ApiOperation({ summary: 'The key that makes this request' })
  @ApiResponse({ status: 200, standardSchema: KeyView })
  current(@CurrentPrincipal() principal: Principal): Promise<KeyView> {
    return this.keys.get(principal.tenantId, principal.keyId);
  }

  @Get(':id')
  @ApiOperation({ summary: 'One API key' })
  @ApiResponse({ status: 200, standardSchema: KeyView })
  get(@CurrentTenant() tenant: string, @Param('id', { schema: Id }) id: string): Promise<KeyView> {
    return this.keys.get(tenant, id);
  }

  @Delete(':id')
  @ApiOperation({ summary: 'Revoke an API key, at once' })
  @ApiResponse({ status: 200, standardSchema: KeyView })
  revoke(@CurrentTenant() tenant: string, @Param('id', { schema: Id }) id: string): Promise<KeyView> {
    return this.keys.revoke(tenant, id);
  }

  @Post(':id/rotate')
  @HttpCode(201)
  @ApiOperation({ summary: 'Make a new secret; the old one lives on for a grace period' })
  @ApiResponse({ status: 201, standardSchema: KeyView })
  rotate(
    @CurrentTenant() tenant: string,
    @Param('id', { schema: Id }) id: string,
    @Body({ schema: RotateKey }) body: z.output<typeof RotateKey>,
  ): Promise<KeyView> {
    return this.keys.rotate(tenant, id, body.grace_s);
  }
}
