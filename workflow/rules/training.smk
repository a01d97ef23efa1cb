rule train_detector:
    input:
        rasters=all_tables("scaled"),
        craters=needed_files(
            "training", settings.training and settings.training.craters
        ),
        start_from=ancient(
            (settings.training and settings.training.start_weights) or []
        ),
    output:
        weights=f"{RESULTS}/training/model.safetensors",
        metrics=f"{RESULTS}/training/metrics.json",
        curves=report(f"{RESULTS}/training/curves.png", category="Training"),
        calibration=report(f"{RESULTS}/training/calibration.png", category="Training"),
        card=f"{RESULTS}/training/model_card.md",
    log:
        f"{RESULTS}/logs/train_detector.log",
    benchmark:
        f"{RESULTS}/benchmarks/train_detector.tsv"
    conda:
        "../../envs/networks.yaml"
    threads: 64
    resources:
        mem_mb=growing(16000),
        runtime=growing(1440),
    params:
        code_version=code_version("train_detector"),
        user_files=lambda wildcards: user_files(
            settings.training and settings.training.craters
        ),
        label_columns=settings.label_columns,
        unmapped_scenes=unmapped_scenes(),
        scene_origins=plain_errors(lambda wildcards: scene_origins()),
        detector_recipe=settings.detector_recipe,
        tile_sizes=settings.tile_sizes,
        size_limits=settings.size_limits,
        body=settings.body,
    message:
        "train the detector"
    script:
        "../scripts/train_detector.py"


rule rasterise_labels:
    input:
        rasters=all_tables("scaled"),
        labels=needed_files(
            "segmentation_training",
            settings.segmentation_training and settings.segmentation_training.labels,
        ),
        points=ancient(settings.point_files),
    output:
        f"{RESULTS}/training/segmentation/tiles.parquet",
    log:
        f"{RESULTS}/logs/rasterise_labels.log",
    benchmark:
        f"{RESULTS}/benchmarks/rasterise_labels.tsv"
    conda:
        "../../envs/rasters.yaml"
    resources:
        mem_mb=growing(4000),
        runtime=growing(60, 20),
    params:
        code_version=code_version("rasterise_labels"),
        user_files=lambda wildcards: user_files(
            *(
                settings.segmentation_training.labels
                if settings.segmentation_training
                else ()
            ),
            *settings.point_files,
            *masks_in(settings.mask_files and settings.mask_files["folder"]),
            *([] if settings.scenes.is_dir() else [settings.scenes]),
        ),
        unmapped_scenes=unmapped_scenes(),
        label_rasterisation=settings.label_rasterisation,
        mask_files=settings.mask_files,
        point_rasterisation=settings.point_rasterisation,
        scenes=str(settings.scenes),
        scene_deal=settings.scene_deal,
        training_tile_cut=settings.training_tile_cut,
        body=settings.body,
        folder=f"{RESULTS}/training/segmentation/labels",
    message:
        "rasterise labels, cut training tiles"
    script:
        "../scripts/rasterise_labels.py"


rule train_segmenter:
    input:
        f"{RESULTS}/training/segmentation/tiles.parquet",
        ancient(settings.segmentation_training.start_weights or [])
        if settings.segmentation_training
        else [],
    output:
        weights=f"{RESULTS}/training/segmentation/model.safetensors",
        metrics=f"{RESULTS}/training/segmentation/metrics.json",
        curves=report(
            f"{RESULTS}/training/segmentation/curves.png", category="Training"
        ),
        card=f"{RESULTS}/training/segmentation/model_card.md",
        examples=report(
            f"{RESULTS}/training/segmentation/examples.png", category="Training"
        ),
    log:
        f"{RESULTS}/logs/train_segmenter.log",
    benchmark:
        f"{RESULTS}/benchmarks/train_segmenter.tsv"
    conda:
        "../../envs/networks.yaml"
    threads: 64
    resources:
        mem_mb=growing(16000),
        runtime=growing(1440),
    params:
        code_version=code_version("train_segmenter"),
        segmenter_recipe=settings.segmenter_recipe,
    message:
        "train the segmentation network"
    script:
        "../scripts/train_segmenter.py"
