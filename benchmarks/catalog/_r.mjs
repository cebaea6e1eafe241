import { startService } from '@strata/devstack';
import { startLoad, TOKEN } from './parts.mjs';
import { fileURLToPath } from 'node:url';
const flags=(process.argv[2]??'').split(' ').filter(Boolean);
const s=startService('raw',{entry:process.argv[3]??fileURLToPath(new URL('raw.mjs',import.meta.url)),root:'/work/catalog',out:'inherit',execArgv:flags,env:{BENCH_ANSWER:Buffer.alloc(1350,65).toString('base64')}});
const info=await s.ready; const load=await startLoad(16);
const b={address:info.grpc,token:TOKEN,clients:'frames'};
const q=(ms,p)=>{ms.sort((a,b)=>a-b);return ms[Math.floor(p*ms.length)].toFixed(2)};
for(let i=0;i<6;i++){const r=await load.run({...b,what:'get',inputs:Array.from({length:30000},()=>'lora')}); console.log(`get ${Math.round(30000/r.seconds)}/s p50 ${q(r.ms,.5)} p90 ${q(r.ms,.9)} p99 ${q(r.ms,.99)} p999 ${q(r.ms,.999)}`);}
await load.stop(); await s.stop(); process.exit(0);
