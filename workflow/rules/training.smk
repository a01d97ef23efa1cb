rule training_tiles:
    input:
        rasters=expand(f"{RESULTS}/scaled/{{group}}.parquet", group=plan.groups),
        craters=lambda wildcards: needed("training", settings.training).craters,
    output:
        f"{RESULTS}/training/tiles.parquet",
    log:
        f"{RESULTS}/logs/training_tiles.log",
    benchmark:
        f"{RESULTS}/benchmarks/training_tiles.tsv"
    conda:
        "../../envs/networks.yaml"
    resources:
        mem_mb=growing(8000),
        runtime=growing(240),
    params:
        drawing=settings.drawing,
        body=settings.body,
        folder=subpath(output[0], parent=True),
    message:
        "draw training tiles"
    script:
        "../scripts/training_tiles.py"


rule train:
    input:
        f"{RESULTS}/training/tiles.parquet",
    output:
        weights=f"{RESULTS}/training/model.safetensors",
        metrics=f"{RESULTS}/training/metrics.json",
        curves=f"{RESULTS}/training/curves.png",
        card=f"{RESULTS}/training/model_card.md",
    log:
        f"{RESULTS}/logs/train.log",
    benchmark:
        f"{RESULTS}/benchmarks/train.tsv"
    conda:
        "../../envs/networks.yaml"
    threads: 64
    resources:
        mem_mb=growing(16000),
        runtime=growing(1440),
    params:
        recipe=settings.recipe,
    message:
        "train the detector"
    script:
        "../scripts/train.py"


rule label:
    input:
        rasters=expand(f"{RESULTS}/scaled/{{group}}.parquet", group=plan.groups),
        labels=lambda wildcards: needed(
            "segmentation_training", settings.segmentation_training
        ).labels,
    output:
        f"{RESULTS}/training/segmentation/tiles.parquet",
    log:
        f"{RESULTS}/logs/label.log",
    benchmark:
        f"{RESULTS}/benchmarks/label.tsv"
    conda:
        "../../envs/rasters.yaml"
    resources:
        mem_mb=growing(4000),
        runtime=growing(60, 20),
    params:
        labels=settings.training_labels,
        cut=settings.tile_cut,
        body=settings.body,
        folder=f"{RESULTS}/training/segmentation/labels",
    message:
        "label scenes, cut training tiles"
    script:
        "../scripts/label.py"


rule train_segmentation:
    input:
        f"{RESULTS}/training/segmentation/tiles.parquet",
        ancient(settings.segmentation_training.start_from or [])
        if settings.segmentation_training
        else [],
    output:
        weights=f"{RESULTS}/training/segmentation/model.safetensors",
        metrics=f"{RESULTS}/training/segmentation/metrics.json",
        curves=f"{RESULTS}/training/segmentation/curves.png",
        card=f"{RESULTS}/training/segmentation/model_card.md",
    log:
        f"{RESULTS}/logs/train_segmentation.log",
    benchmark:
        f"{RESULTS}/benchmarks/train_segmentation.tsv"
    conda:
        "../../envs/networks.yaml"
    threads: 64
    resources:
        mem_mb=growing(16000),
        runtime=growing(1440),
    params:
        recipe=settings.segmentation_recipe,
    message:
        "train the segmentation network"
    script:
        "../scripts/train_segmentation.py"
