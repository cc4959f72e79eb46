"""The three pools of the demo and what is asked of them: numbers only.

Chosen so that each queue builds up in the simulated day and drains in the night, while jobs of many nodes
wait through both (`tests/unit/simulator/test_sim_demo.py` holds them to it).
"""

from __future__ import annotations

from typing import Final

from exporter.simulator.demand import Demand, Kind, Shape
from exporter.simulator.pools import Profile
from exporter.simulator.spelling import GIB

_VOLCANO = "batch.volcano.sh/v1alpha1, Kind=Job"
_STATEFUL = "apps/v1, Kind=StatefulSet"
_DEPLOYMENT = "apps/v1, Kind=Deployment"
_TRAINED = {"Completed": 0.8, "Failed": 0.12, "Terminated": 0.08}
_STOPPED = {"Terminated": 0.9, "Failed": 0.1}
_USERS = ("li.wei", "wang.fang", "zhang.min", "chen.jie", "liu.yang", "a.novak", "m.okafor", "s.petrov")

TRAINING: Final = (
    Profile(
        id="pool-llm-train-7c1e0a94b5d24f3e8a6d90c2f1b37e45",
        name="llm-training",
        flavor="modelarts.bm.npu.arm.8snt9b3.d",
        # The name of ascend-1980 on the API's older pages.
        accelerator="huawei.com/ascend-snt9",
        nodes=16,
    ),
    Demand(
        kinds=(
            Kind(
                type="train",
                per_day=170,
                shapes={Shape(1, 1): 5, Shape(1, 2): 3, Shape(1, 4): 2},
                hours=1.2,
                spread=0.9,
                outcomes=_TRAINED,
                names=("debug", "eval-ceval", "lora-7b", "tokenize", "profile-step"),
                prefix="modelarts-job",
                gvk=_VOLCANO,
                flavor="modelarts.pool.visual.{cards}xlarge",
                cpu=20_000,
                memory=180 * GIB,
            ),
            Kind(
                type="train",
                per_day=38,
                shapes={Shape(1, 8): 7, Shape(2, 8): 3},
                hours=3,
                spread=0.8,
                outcomes=_TRAINED,
                names=("sft-13b", "dpo-13b", "distill", "reward-model"),
                prefix="modelarts-job",
                gvk=_VOLCANO,
                flavor="modelarts.pool.visual.{cards}xlarge",
                cpu=22_000,
                memory=180 * GIB,
            ),
            Kind(
                type="train",
                per_day=2.2,
                shapes={Shape(4, 8): 6, Shape(6, 8): 3, Shape(8, 8): 1},
                hours=8,
                spread=0.6,
                outcomes=_TRAINED,
                names=("pretrain-70b", "pretrain-moe", "continue-pretrain"),
                prefix="modelarts-job",
                gvk=_VOLCANO,
                flavor="modelarts.pool.visual.{cards}xlarge",
                cpu=24_000,
                memory=190 * GIB,
            ),
            Kind(
                type="notebook",
                per_day=4,
                shapes={Shape(1, 1): 1},
                hours=6,
                spread=0.7,
                outcomes=_STOPPED,
                names=("notebook", "lab"),
                prefix="notebook",
                gvk=_STATEFUL,
                flavor="modelarts.pool.notebook.{cards}xlarge",
                cpu=12_000,
                memory=96 * GIB,
            ),
        ),
        users=_USERS,
        priorities={0: 20, 1: 50, 2: 22, 3: 8},
    ),
)

INFERENCE: Final = (
    Profile(
        id="pool-edge-infer-2f9b6d0813c94a7fb5e2d7a0c64e1938",
        name="notebooks and inference",
        flavor="modelarts.vm.npu.4snt3",
        accelerator="huawei.com/ascend-310",
        nodes=6,
        cpu=64,
        memory=256,
    ),
    Demand(
        kinds=(
            Kind(
                type="infer",
                per_day=3,
                shapes={Shape(1, 1): 6, Shape(1, 2): 3, Shape(1, 4): 1},
                hours=80,
                spread=0.7,
                outcomes=_STOPPED,
                names=("ocr-service", "asr-gateway", "defect-detect"),
                prefix="infer",
                gvk=_DEPLOYMENT,
                flavor="modelarts.kat1.{cards}xlarge",
                cpu=500,
                memory=6 * GIB + GIB // 2,
            ),
            Kind(
                type="x-infer",
                per_day=2.5,
                shapes={Shape(1, 8): 1, Shape(2, 4): 1},
                hours=10,
                spread=0.5,
                outcomes=_STOPPED,
                names=("batch-predict", "video-index"),
                prefix="x-infer",
                gvk=_DEPLOYMENT,
                flavor="modelarts.kat1.{cards}xlarge",
                cpu=1073,
                memory=32_000_000_000 // 8,
            ),
            Kind(
                type="notebook",
                per_day=122,
                shapes={Shape(1, 1): 8, Shape(1, 2): 2},
                hours=5,
                spread=0.8,
                outcomes=_STOPPED,
                names=("notebook", "course-cv", "lab"),
                prefix="notebook",
                gvk=_STATEFUL,
                flavor="modelarts.kat1.{cards}xlarge",
                cpu=4_000,
                memory=16 * GIB,
            ),
        ),
        users=_USERS,
        priorities={0: 60, 1: 30, 2: 10},
    ),
)

GPU: Final = (
    Profile(
        id="pool-gpu-research-94e7c35af01d4b62a8c9e61f0d27b5a3",
        name="GPU 研究",
        flavor="modelarts.bm.gpu.8v100",
        accelerator="nvidia.com/gpu",
        nodes=8,
        cpu=96,
        memory=768,
    ),
    Demand(
        kinds=(
            Kind(
                type="train",
                per_day=100,
                shapes={Shape(1, 1): 4, Shape(1, 2): 3, Shape(1, 4): 2, Shape(1, 8): 1},
                hours=2,
                spread=0.9,
                outcomes=_TRAINED,
                names=("resnet", "sd-finetune", "ablation", "hpo-trial"),
                prefix="modelarts-job",
                gvk=_VOLCANO,
                flavor="modelarts.p3.{cards}xlarge",
                cpu=10_000,
                memory=80_000_000_000,
            ),
            Kind(
                type="train",
                per_day=3,
                shapes={Shape(2, 8): 2, Shape(4, 8): 1},
                hours=5,
                spread=0.6,
                outcomes=_TRAINED,
                names=("diffusion-large", "clip"),
                prefix="modelarts-job",
                gvk=_VOLCANO,
                flavor="modelarts.p3.{cards}xlarge",
                cpu=12_000,
                memory=90 * GIB,
            ),
            Kind(
                type="x-infer",
                per_day=1,
                shapes={Shape(1, 8): 1, Shape(2, 4): 1},
                hours=16,
                spread=0.5,
                outcomes=_STOPPED,
                names=("llm-serving", "rerank"),
                prefix="x-infer",
                gvk=_DEPLOYMENT,
                flavor="modelarts.p3.{cards}xlarge",
                cpu=8_000,
                memory=64 * GIB,
            ),
            Kind(
                type="infer",
                per_day=0.6,
                shapes={Shape(1, 1): 3, Shape(1, 2): 1},
                hours=72,
                spread=0.6,
                outcomes=_STOPPED,
                names=("search-embed", "tts"),
                prefix="infer",
                gvk=_DEPLOYMENT,
                flavor="modelarts.p3.{cards}xlarge",
                cpu=8_000,
                memory=64 * GIB,
            ),
            Kind(
                type="notebook",
                per_day=22,
                shapes={Shape(1, 1): 1},
                hours=5,
                spread=0.8,
                outcomes=_STOPPED,
                names=("notebook", "playground"),
                prefix="notebook",
                gvk=_STATEFUL,
                flavor="modelarts.p3.{cards}xlarge",
                cpu=8_000,
                memory=64 * GIB,
            ),
        ),
        users=_USERS,
        priorities={0: 10, 1: 60, 2: 25, 3: 5},
    ),
)
