const rt=process.argv[2];
await import(`./dist/harness/backends/runtimes/${rt}.js`);
import * as tf from '@tensorflow/tfjs-core';
import * as L from './dist/harness/lowering/tfjs.js';
function time(name, f){ const run=()=>{const y=tf.tidy(f); (Array.isArray(y)?y:[y]).forEach(t=>t.dataSync()); tf.dispose(y);}; for(let i=0;i<3;i++)run(); let n=0; const t0=performance.now(); while(performance.now()-t0<400){run();n++;} console.log(rt.padEnd(5), name.padEnd(34), ((performance.now()-t0)/n).toFixed(3),'ms'); }
const x=tf.randomUniform([1,34,34,64]);
time('slice crop', ()=>tf.slice(x,[0,1,1,0],[1,32,32,64]));
const flat=tf.reshape(x,[-1]);
time('slice rows+concat', ()=>tf.reshape(tf.concat(Array.from({length:32},(_,r)=>tf.slice(flat,[(r+1)*34*64+64],[32*64]))),[1,32,32,64]));
time('transpose last', ()=>tf.transpose(tf.reshape(x,[34*34,8,8]),[1,0,2]));
time('split 8 channels', ()=>tf.split(x,8,3));
time('transpose+split', ()=>tf.split(tf.transpose(tf.reshape(x,[34*34,8,8]),[1,0,2]),8,0));
time('gather rows', ()=>tf.gather(x, tf.range(1,33,1,'int32'),1));
const xi=tf.randomUniform([1,16,16,128]), w=tf.randomUniform([4,4,64,128]);
time('ct direct same', ()=>tf.conv2dTranspose(xi,w,[1,32,32,64],2,'same'));
for (const route of ['crop','pad']) time('ours '+route, ()=>L.convTranspose2d(xi,w,null,{stride:2,padding:1,layout:'NHWC',route}));
const xd=tf.randomUniform([1,16,16,32]), wd=tf.randomUniform([3,3,32,32]);
for (const route of ['crop','pad']) time('dilated ours '+route, ()=>L.convTranspose2d(xd,wd,null,{stride:2,dilation:2,layout:'NHWC',route}));
const x1=tf.randomUniform([1,56,56,24]), w1=tf.randomUniform([1,1,24,144]);
time('1x1 direct', ()=>tf.conv2d(x1,w1,1,'valid'));
time('1x1 ours', ()=>L.conv2d(x1,w1,null,{layout:'NHWC'}));
process.exit(0)
