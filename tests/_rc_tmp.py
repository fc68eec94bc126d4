import asyncio,sys,time
sys.path.insert(0,'/work/main')
from tests.support.opcua_peers import *
async def main():
    with ChildBench() as c:
        after,plain=[],[]; worst={}
        paused=False
        for k in range(60):
            d=make_driver(c.endpoint,small_map(),timeout_s=0.5)
            orig=d._ask
            async def timed(req,ans,orig=orig,k=k):
                t=time.monotonic(); r=await orig(req,ans); worst[(type(req).__name__)]=max(worst.get(type(req).__name__,0),time.monotonic()-t); return r
            d._ask=timed
            t=time.monotonic(); await d.connect(); (after if paused else plain).append(time.monotonic()-t)
            await d.receive()
            paused = k%3==0
            if paused: c.pause(); await asyncio.sleep(0.6)
            c.resume(); await d.close()
        for n,x in (("plain",plain),("after pause",after)):
            x.sort(); print(n,len(x),"median %.3f max %.3f"%(x[len(x)//2],x[-1]))
        print({k:round(v,3) for k,v in worst.items()})
asyncio.run(main())
