rule stitch:
    input:
        raw=f"{RESULTS}/raw/{{group}}.parquet",
        tiles=f"{RESULTS}/tiles/{{group}}.parquet",
        scaled=f"{RESULTS}/scaled/{{group}}.parquet",
    output:
        f"{RESULTS}/stitched/{{group}}.parquet",
    log:
        f"{RESULTS}/logs/stitch/{{group}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/stitch/{{group}}.tsv"
    conda:
        "../../envs/rasters.yaml"
    resources:
        mem_mb=growing(3000),
        runtime=growing(10, 15),
    params:
        sizes=settings.tile_sizes,
        folder=f"{RESULTS}/probability",
    message:
        "stitch {wildcards.group}"
    script:
        "../scripts/stitch.py"


rule outline:
    input:
        stitched=f"{RESULTS}/stitched/{{group}}.parquet",
        beside=beside("stitched"),
        weights=ancient(settings.model.weights) if settings.model else [],
    output:
        f"{RESULTS}/outlines/{{group}}.parquet",
    log:
        f"{RESULTS}/logs/outline/{{group}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/outline/{{group}}.tsv"
    conda:
        "../../envs/rasters.yaml"
    resources:
        mem_mb=growing(3000, 200),
        runtime=growing(10, 30),
    params:
        tracing=settings.tracing,
        folder=f"{RESULTS}/work/outline",
    message:
        "outline {wildcards.group}"
    script:
        "../scripts/outline.py"


rule unite:
    input:
        outlines=expand(f"{RESULTS}/outlines/{{group}}.parquet", group=plan.groups),
        stitched=expand(f"{RESULTS}/stitched/{{group}}.parquet", group=plan.groups),
        areas=[
            path
            for path in (
                settings.mapping.inside,
                settings.mapping.outside,
                settings.mapping.seams,
            )
            if path
        ],
    output:
        polygons=multiext(f"{RESULTS}/map/polygons", *VECTORS, ".json"),
        lines=multiext(f"{RESULTS}/map/lines", *VECTORS),
        summary=f"{RESULTS}/map/summary.csv",
        rose=f"{RESULTS}/map/rose.png",
    log:
        f"{RESULTS}/logs/unite.log",
    benchmark:
        f"{RESULTS}/benchmarks/unite.tsv"
    conda:
        "../../envs/rasters.yaml"
    resources:
        mem_mb=growing(3000, 100),
        runtime=growing(20, 2),
    params:
        filters=settings.filters,
        body=settings.body,
        origin=settings.origin,
        plan=PLAN,
        unplanned=[one.scene for one in plan.unplanned],
        allow_failures=settings.allow_failures,
    message:
        "polygons and lines of the whole run"
    script:
        "../scripts/unite.py"


rule chart:
    input:
        polygons=f"{RESULTS}/map/polygons.parquet",
        lines=f"{RESULTS}/map/lines.parquet",
        rasters=expand(f"{RESULTS}/scaled/{{group}}.parquet", group=plan.groups),
    output:
        f"{RESULTS}/map/map.png",
    log:
        f"{RESULTS}/logs/chart.log",
    benchmark:
        f"{RESULTS}/benchmarks/chart.tsv"
    conda:
        "../../envs/rasters.yaml"
    resources:
        mem_mb=growing(4000),
        runtime=growing(60),
    params:
        body=settings.body,
    message:
        "picture of the whole map"
    script:
        "../scripts/chart.py"


rule compare:
    input:
        lines=f"{RESULTS}/map/lines.parquet",
        truth=lambda wildcards: needed("evaluation.truth", settings.evaluation.truth),
        scaled=expand(f"{RESULTS}/scaled/{{group}}.parquet", group=plan.groups),
        stitched=expand(f"{RESULTS}/stitched/{{group}}.parquet", group=plan.groups),
        weights=ancient(settings.model.weights) if settings.model else [],
    output:
        metrics=f"{RESULTS}/evaluation/metrics.json",
        plot=f"{RESULTS}/evaluation/metrics.png",
    log:
        f"{RESULTS}/logs/compare.log",
    benchmark:
        f"{RESULTS}/benchmarks/compare.tsv"
    conda:
        "../../envs/rasters.yaml"
    resources:
        mem_mb=growing(4000),
        runtime=growing(60, 20),
    params:
        comparison=settings.comparison,
        body=settings.body,
    message:
        "compare with {input.truth}"
    script:
        "../scripts/compare.py"


rule overlay:
    input:
        scaled=lambda wildcards: f"{RESULTS}/scaled/{plan.group_of(wildcards.scene)}.parquet",
        stitched=lambda wildcards: f"{RESULTS}/stitched/{plan.group_of(wildcards.scene)}.parquet",
        polygons=f"{RESULTS}/map/polygons.parquet",
        lines=f"{RESULTS}/map/lines.parquet",
    output:
        f"{RESULTS}/annotated/{{scene}}.png",
    log:
        f"{RESULTS}/logs/overlay/{{scene}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/overlay/{{scene}}.tsv"
    conda:
        "../../envs/rasters.yaml"
    resources:
        mem_mb=growing(4000),
        runtime=growing(30),
    params:
        body=settings.body,
    message:
        "overlay {wildcards.scene}"
    script:
        "../scripts/overlay.py"
