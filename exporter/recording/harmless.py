"""What of an answer is kept: an allow-list. Everything that is not found here is replaced.

A value is kept for its place and its form: the key above it says what kind of value is documented there
(`KINDS`), and it is kept if it has the form of that kind. So a user name is replaced although it looks like a
number, and a status although it stands where statuses do, if it is no word that the cloud is likely to use.

Sources: the API reference, and the models of Huawei's SDK 3.1.219.
"""

from __future__ import annotations

import re
from typing import Literal

Kind = Literal["text", "number", "quantity", "bytes", "word", "spec", "time", "cards", "message", "code"]
"""What is documented at a key.

text      names, IDs, addresses, hosts, anything: always replaced
number    a count, a position, a duration, a priority
quantity  an amount of a resource
bytes     an amount of memory, which may have more digits
word      one of a set of words: a status, a type, a phase, a strategy
spec      a flavor or a kind, joined from parts: each part is kept or replaced
time      a date, or milliseconds since 1970
cards     which cards of a node are occupied: digits 0 and 1
message   a sentence of an error: replaced, but for a rate limit
code      an error code: ModelArts.50015001
"""

_PLACES: dict[Kind, str] = {
    "number": """
        total count maxCount remainingItemCount priority pendingDuration runningDuration pendingPosition size
        sum train infer notebook x-infer warmUpTask os.modelarts.pool/subpools.count
        os.modelarts.node/batch.count os.modelarts/billing.mode os.modelarts/billing.status
        os.modelarts/nobilling os.modelarts/period.num os.modelarts/period.type os.modelarts/auto.renew
        limit offset Queue Pending Creating Running Abnormal Terminating Completed Terminated Failed
    """,
    "quantity": "value maxValue allValue allMaxValue resourceRequirement availableResources window",
    "word": """
        kind type status phase scope scopeType state effect isDeleted ascend sort catalog mode controlMode
        os.modelarts.pool/scheduler.queue.strategy os.modelarts.node/drain os.modelarts/create-from
        os.modelarts.node/ha.redundant.enabled os.modelarts.node/batch.type updateStrategy redeployType
        instanceType jobProgress labelPolicyOnExistingNodes taintPolicyOnExistingNodes
        tagPolicyOnExistingNodes autoMatch imageType volumeType hostNetwork billing
    """,
    "spec": "apiVersion gvk flavor jobFlavors clusterFlavor",
    "time": "createTime creationTimestamp timestamp publishTime startTime finishTime notBefore",
    "cards": "npuTopologyPlacement os.modelarts/npu-topology-placement",
    "message": "error_msg errorMsg message probeMsg description",
    "code": "error_code errorCode code",
    "text": """
        items metadata labels annotations spec table capacity allocated available workload workloads queue
        resources creating abnormal deleting statistics statics nodes taints events clusters plugins driver
        network containernetwork extendParams dataVolumes rootVolume volumeGroupConfigs lvmConfig os gpu npu
        error request_id title
        uid name jobName jobUUID namespace userName hostIp hostIps privateIp az azs nodePool nodePoolName
        continue parent root key id instanceId nodeName poolName poolDisplayName underLyingInstanceId version
        gpuVersion npuVersion X-request-id workspaceId os.modelarts/name os.modelarts/workspace.id
        os.modelarts/description os.modelarts/node.prefix os.modelarts/resource.id os.modelarts/order.id
        os.modelarts/order.name os.modelarts/region os.modelarts/tenant.domain.id
        os.modelarts/tenant.domain.name os.modelarts/tenant.project.id os.modelarts/enterprise.project.id
        os.modelarts/flavor.resource.ids os.modelarts/tms.tags os.modelarts/promotion.info
        os.modelarts/service.console.url os.modelarts.pool/biz os.modelarts.node/cluster
        os.modelarts.pool/scope.external.dependency.train os.modelarts.node/elastic.quota
        os.modelarts.node/nodepool os.modelarts.node/nodepoolname os.modelarts.node/batch.uid
        os.modelarts.node/batch.name os.modelarts.node/spod.id os.modelarts.node/underlying.instance.id
        os.modelarts.node/volcano.scheduler.cabinet-exclusive cce.kubectl.kubernetes.io/cabinet
        dockerBaseSize postInstall runtime XParameterPlaneSubnet volumeGroup dockerThinPool lvType
        imageId vpc subnet securityGroups
    """,
}

KINDS: dict[str, Kind] = {key: kind for kind, keys in _PLACES.items() for key in keys.split()}
"""What stands at each documented key; a key that is not here is unknown, and replaced."""

TABLES = {"value", "maxValue", "allValue", "allMaxValue", "resourceRequirement", "availableResources"}
"""Above amounts by resource. `resources` of a node is one, too, and of a pool it is not."""

COUNT_TABLES = {"status", "queue", "allocated"}
"""Above numbers by status or type."""

_RESOURCE = re.compile(
    r"cpu|memory|ephemeral-storage|pods|hugepages-[0-9]{1,4}[KMG]i|tnt[0-9]{3}"
    r"|huawei\.com/[Aa]scend-?(snt)?[0-9]{1,4}[A-Za-z]?[0-9]?(-(memory|core))?"
    r"|nvidia\.com/(gpu|[a-z]{1,2}[0-9]{1,4}|mig-[0-9]g\.[0-9]{1,3}gb)(-?(memory|core|mem|cores))?"
    r"|volcano\.sh/(v?gpu-(memory|cores|number)|vgpu)"
)

_MEMORY = re.compile("memory|ephemeral-storage|hugepages-.*|.*-memory")

_WORDS = """
    train infer notebook x warm up task training inference service job workload list pool pools node nodes
    metrics statistics event events kind deployment stateful set pod cron replica daemon batch apps volcano sh
    core serving modelarts model arts kubernetes io com huawei nvidia

    queue queued queuing pending creating create created creation running run abnormal terminating terminated
    completed complete failed fail success succeeded unknown lost stopping stopped stop starting started
    start deleting deleted delete error waiting wait scaling preempted preempting suspended suspend paused
    scheduled executing inquiring canceled cancelled available checking draining drained drain ready not
    normal warning finished partial resuming resumed restarting pre evicted evicting enabled disabled active
    inactive none default true false yes no schedule execute prefer

    fifo first in out strict best effort traversal traverse traversing step stepped stepping polling poll
    round robin tier tiered tiering priority order ordered gang fair share shared drf backfill back fill
    binpack spread passing simulator scheduler strategy mode policy

    dedicate dedicated logical physical public private maintenance resource reboot redeploy system repair
    local disk localdisk recovery operation request time asc desc
"""
_VOCABULARY = frozenset(_WORDS.split())
"""Words, in lower case, that a cloud uses for statuses, types and strategies, and that name nobody."""

_SPEC_WORDS = {
    *("bm", "vm", "npu", "gpu", "cpu", "arm", "x86", "d"),
    *("visual", "large", "xlarge", "bare", "metal", "small", "medium"),
}
_SPEC_PART = re.compile(
    r"[0-9]{1,3}(snt|v|a|t|p)[0-9]{1,4}[a-z]?[0-9]?|snt[0-9]{1,2}[a-z]?[0-9]?"
    r"|[0-9]{1,3}xlarge|[0-9]{1,4}u[0-9]{1,5}g"
    r"|(p|pi|g|kat|kai|ai|c|m|s|v)[0-9]{1,2}((s|v|vs|alpha[0-9]|beta[0-9]))?"
)

_CAMEL = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[0-9]+|.")
_NOT_WORD = re.compile(r"[-_. /]+")
_SMALL = re.compile(r"[0-9]{1,2}")

_UNITS = r"(\.[0-9]{1,6})?([eE][+-]?[0-9]{1,3}|\s?([mkKMGTPE]|[KMGTPE]iB?|[KMGTPE]B|Cores?))?"
_FORMS: dict[Kind, re.Pattern[str]] = {
    "number": re.compile(r"-?[0-9]{1,9}(\.[0-9]{1,6})?"),
    "quantity": re.compile(rf"[0-9]{{1,9}}{_UNITS}"),
    "bytes": re.compile(rf"[0-9]{{1,20}}{_UNITS}"),
    "time": re.compile(
        r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})"
        r"|[0-9]{10}(\.[0-9]{1,6})?|[0-9]{13}(\.[0-9]{1,3})?"
    ),
    "cards": re.compile("[01]{1,64}"),
    "code": re.compile(r"(ModelArts|APIGW|APIG|IAM)\.[0-9]{1,10}"),
}

_LIMIT = re.compile(r"limit:[0-9]{1,9},\s?time:[0-9]{1,9} ?(second|minute|hour|day)s?")

ALWAYS = frozenset({"", "true", "false", "0", "-1"})
"""Texts that are kept anywhere."""


def is_resource(key: str) -> bool:
    """Whether a key is a resource's name of a documented form."""
    return bool(_RESOURCE.fullmatch(key))


def amount_kind(resource: str) -> Kind:
    """What is documented as an amount of this resource."""
    return "bytes" if _MEMORY.fullmatch(resource) else "quantity"


def is_word(text: str) -> bool:
    """Whether a text is joined from words that name nobody: `Running`, `first_in_first_out`."""
    parts = [part for run in _NOT_WORD.split(text) for part in _CAMEL.findall(run)]
    words = [part for part in parts if not _SMALL.fullmatch(part)]
    # One number at most, or an address would be joined from such numbers.
    return bool(words) and len(parts) <= len(words) + 1 and all(word.lower() in _VOCABULARY for word in words)


def is_part(text: str) -> bool:
    """Whether a part of a flavor or a kind is kept: `bm`, `8snt9b`, `v1alpha1`."""
    return text.lower() in _SPEC_WORDS or bool(_SPEC_PART.fullmatch(text)) or is_word(text)


def is_kept(text: str, kind: Kind) -> bool:
    """Whether a text is kept whole at a place of this kind."""
    if text in ALWAYS:
        return True
    if kind == "word":
        return is_word(text)
    form = _FORMS.get(kind)
    return bool(form and form.fullmatch(text))


def limit_in(message: str) -> str:
    """The rate limit that a message names: `limit:200,time:5 minute`; empty if it names none."""
    found = _LIMIT.search(message)
    return found[0] if found else ""
