import { Body, Controller, Delete, Get, HttpCode, Param, Post, Req } from '@nestjs/common';
import { ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';
import { DeployModel, DeploymentView, listOf, PredictRequest, PredictResponse, ResourceName } from '@strata/contracts';
import type { FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { CurrentTenant, RequestId, RequireScope } from '../auth/principal.js';
import type { Page } from '../http/paging.js';
import { type Deployment, DeploymentsService } from './deployments.service.js';
import { PredictService } from './predict.service.js';

function view(d: Deployment, request: FastifyRequest): DeploymentView {
  return { ...d, url: `${request.protocol}://${request.host}/api/models/${d.model}/predict` };
}

@ApiTags('predict')
@Controller('api')
export class PredictController {
  constructor(
    private readonly deployments: DeploymentsService,
    private readonly predictions: PredictService,
  ) {}

  @Get('deployments')
  @ApiOperation({ summary: 'Deployed models and whether they are loaded, by name' })
  @ApiResponse({ status: 200, standardSchema: listOf(DeploymentView) })
  async list(@CurrentTenant() tenant: string, @Req() request: FastifyRequest): Promise<Page<DeploymentView>> {
    const data = (await this.deployments.list(tenant)).map((d) => view(d, request));
    return { object: 'list', data, has_more: false, next: null };
  }

  @Post('models/:name/deploy')
  @HttpCode(200)
  @ApiOperation({ summary: 'Let a version answer predictions, in place of the one that did' })
  @ApiResponse({ status: 200, standardSchema: DeploymentView })
  async deploy(
    @CurrentTenant() tenant: string,
    @Param('name', { schema: ResourceName }) name: string,
    @Body({ schema: DeployModel.prefault({}) }) body: z.output<typeof DeployModel>,
    @Req() request: FastifyRequest,
  ): Promise<DeploymentView> {
    return view(await this.deployments.deploy(tenant, name, body.version), request);
  }

  @Delete('models/:name/deploy')
  @ApiOperation({ summary: 'End the deployment of a model' })
  @ApiResponse({ status: 200, standardSchema: DeploymentView })
  async end(
    @CurrentTenant() tenant: string,
    @Param('name', { schema: ResourceName }) name: string,
    @Req() request: FastifyRequest,
  ): Promise<DeploymentView> {
    return view(await this.deployments.end(tenant, name), request);
  }

  @Post('models/:name/predict')
  @HttpCode(200)
  @RequireScope('read')
  @ApiOperation({ summary: 'Predict for some rows, at once' })
  @ApiResponse({ status: 200, standardSchema: PredictResponse })
  predict(
    @CurrentTenant() tenant: string,
    @Param('name', { schema: ResourceName }) name: string,
    @Body({ schema: PredictRequest }) body: PredictRequest,
    @RequestId() requestId: string,
  ): Promise<PredictResponse> {
    return this.predictions.predict(tenant, name, body, requestId);
  }
}
