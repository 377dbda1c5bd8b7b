"""The families of `keras.applications` as plain data: what must be known of each base before it is built.

The figures are those of Keras 3.15 and are counted anew by tests; file names, addresses and checksums are those that
Keras itself asks for. `fieldguide.model.backbones` makes a record of each line.
"""

from __future__ import annotations

from typing import NamedTuple


class Family(NamedTuple):
    """Bases that differ in depth and width only.

    The texts hold fields in braces: a base's {name}, the {tail} of it, its class in {lower} case and the {file}; in
    `cuts` also empty ones, which each base fills with numbers or letters of its own.
    """

    module: str  # of keras.applications, where its preprocess_input is
    kind: str  # of the preprocessing: "tf", "torch", "caffe", or "none" where the network does it itself
    smallest_side: int
    cuts: str  # ends of stages
    licence: str  # of the weights
    author: str  # of the weights
    file: str  # of the weights without a classification head, in Keras's cache
    url: str
    members: str  # a line for each, see `COLUMNS`


# Of the map after the last cut its side and channels; of the weights the MD5 or SHA-256, "-" where Keras knows none.
# What follows in a line fills the empty braces of `cuts`.
COLUMNS = ("name", "class", "side", "features", "parameters", "multiply_adds", "cut_map", "checksum")

_PLACE = "https://storage.googleapis.com/tensorflow/keras-applications/"
_FILE = "_weights_tf_dim_ordering_tf_kernels_notop.h5"

FAMILIES: tuple[Family, ...] = (
    Family(
        module="{name}",
        kind="caffe",
        smallest_side=32,
        cuts="block1_pool block2_pool block3_pool block4_pool",
        licence="CC-BY-4.0",
        author="VGG, Oxford",
        file="{name}" + _FILE,
        url=_PLACE + "{name}/{file}",
        members="""
        vgg16 VGG16 224 512 14714688 15346630656 14x512 6d6bbae143d832006294945121d1f1fc
        vgg19 VGG19 224 512 20024384 19508428800 14x512 253f8cb515780f3b799900260a226db6
        """,
    ),
    Family(
        module="inception_v3",
        kind="tf",
        smallest_side=75,
        cuts="mixed2 mixed7",
        licence="Apache-2.0",
        author="Google",
        file="{name}" + _FILE,
        url=_PLACE + "{name}/{file}",
        members="""
        inception_v3 InceptionV3 299 2048 21802784 5711168096 17x768 bcbd6486424b2319ff4ef7d526e38f63
        """,
    ),
    Family(
        module="inception_resnet_v2",
        kind="tf",
        smallest_side=75,
        cuts="block35_10_ac block17_20_ac",
        licence="Apache-2.0",
        author="Google",
        file="{name}" + _FILE,
        url=_PLACE + "{name}/{file}",
        members="""
        inception_resnet_v2 InceptionResNetV2 299 1536 54336736 13154258016 17x1088 d19885ff4a710c122648d3b5c3b684e4
        """,
    ),
    Family(
        module="xception",
        kind="tf",
        smallest_side=71,
        cuts="add add_1 add_10",
        licence="MIT",
        author="François Chollet",
        file="{name}" + _FILE,
        url=_PLACE + "{name}/{file}",
        members="""
        xception Xception 299 2048 20861480 8355355496 19x728 b0042744bf5b25fce3cb969f33bebb97
        """,
    ),
    Family(
        module="resnet",
        kind="caffe",
        smallest_side=32,
        cuts="conv2_block{}_out conv3_block{}_out conv4_block{}_out",
        licence="MIT",
        author="Kaiming He",
        file="{lower}" + _FILE,
        url=_PLACE + "resnet/{file}",
        members="""
        resnet50  ResNet50  224 2048 23587712  3855925248 14x1024 4d473c1dd8becc155b73f8504c6f6626 3 4 6
        resnet101 ResNet101 224 2048 42658176  7568146432 14x1024 88cf7a10940856eca736dc7b7e228a21 3 4 23
        resnet152 ResNet152 224 2048 58370944 11280367616 14x1024 ee4c566cf9a93f14d82f913c2dc6dd0c 3 8 36
        """,
    ),
    Family(
        module="resnet_v2",
        kind="tf",
        smallest_side=32,
        cuts="conv2_block{}_out conv3_block{}_out conv4_block{}_out",
        licence="BSD-3-Clause",
        author="Facebook",
        file="{lower}" + _FILE,
        url=_PLACE + "resnet/{file}",
        members="""
        resnet50_v2  ResNet50V2  224 2048 23564800  3480207360 7x1024 fac2f116257151a9d068a22e544a4917 3 4 6
        resnet101_v2 ResNet101V2 224 2048 42626560  7192428544 7x1024 c0ed64b8031c3730f411d2eb4eea35b5 3 4 23
        resnet152_v2 ResNet152V2 224 2048 58331648 10904649728 7x1024 ed17cf2e0169df9d443503ef94b23b33 3 8 36
        """,
    ),
    Family(
        module="mobilenet",
        kind="tf",
        smallest_side=32,
        cuts="conv_pw_3_relu conv_pw_5_relu conv_pw_11_relu",
        licence="Apache-2.0",
        author="Google",
        file="mobilenet_1_0_224_tf_no_top.h5",
        url=_PLACE + "{name}/{file}",
        members="""
        mobilenet MobileNet 224 1024 3228864 567716352 14x512 -
        """,
    ),
    Family(
        module="mobilenet_v2",
        kind="tf",
        smallest_side=32,
        cuts="block_2_add block_5_add block_12_add",
        licence="Apache-2.0",
        author="Google",
        file="mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224_no_top.h5",
        url=_PLACE + "{name}/{file}",
        members="""
        mobilenet_v2 MobileNetV2 224 1280 2257984 299494272 14x96 -
        """,
    ),
    Family(
        module="mobilenet_v3",
        kind="none",
        smallest_side=32,
        cuts="expanded_conv_{}_add expanded_conv_{}_add",
        licence="Apache-2.0",
        author="Google",
        file="weights_mobilenet_v3_{tail}_224_1.0_float_no_top_v2.h5",
        url=_PLACE + "mobilenet_v3/{file}",
        members="""
        mobilenet_v3_small MobileNetV3Small 224 576  939120  54896576  14x48 d3e8ec802a04aa4fc771ee12a9a9b836 2 7
        mobilenet_v3_large MobileNetV3Large 224 960 2996352 214080960 14x112 07fb09a5933dd0c8eaafa16978110389 5 11
        """,
    ),
    Family(
        module="densenet",
        kind="torch",
        smallest_side=32,
        cuts="pool2_pool pool3_pool pool4_pool",
        licence="BSD-3-Clause",
        author="Gao Huang and Zhuang Liu",
        file="{name}" + _FILE,
        url=_PLACE + "densenet/{file}",
        members="""
        densenet121 DenseNet121 224 1024  7037504 2833137664 7x512 30ee3e1110167f948a6b9946edeeb738
        densenet169 DenseNet169 224 1664 12642880 3358179328 7x640 b8c4d4c20dd625c148057b9ff1c1176b
        densenet201 DenseNet201 224 1920 18321984 4289445888 7x896 c13680b51ded0fb44dff2d8f86ac8bb1
        """,
    ),
    Family(
        module="nasnet",
        kind="tf",
        smallest_side=32,
        cuts="stem_bn1",
        licence="Apache-2.0",
        author="Google",
        file="{name}_no_top.h5",
        url=_PLACE + "nasnet/NASNet-{tail}-no-top.h5",
        members="""
        nasnet_mobile NASNetMobile 224 1056  4269716   562582816 111x32 1ed92395b5b598bdda52abe5c0dbfd63
        nasnet_large  NASNetLarge  331 4032 84916818 23779382658 165x96 d81d89dc07e6e56530c4e77faddd61b5
        """,
    ),
    Family(
        module="efficientnet",
        kind="none",
        smallest_side=32,
        cuts="block2{}_add block3{}_add block5{}_add",
        licence="Apache-2.0",
        author="Google",
        file="{lower}_notop.h5",
        url="https://storage.googleapis.com/keras-applications/{file}",
        members="""
        efficientnet_b0 EfficientNetB0 224 1280  4049571   384534752 14x112 50bc09e76180e00e4465e1a485ddc09d b b c
        efficientnet_b1 EfficientNetB1 240 1280  6575239   685522832 15x112 74c4e6b3e1f6a1eea24c589628592432 c c d
        efficientnet_b2 EfficientNetB2 260 1408  7768569   992153872 17x120 111f8e2ac8aa800a7a99e3239f7bfb39 c c d
        efficientnet_b3 EfficientNetB3 300 1536 10783535  1825605392 19x136 af6d107764bb5b1abb91932881670226 c c e
        efficientnet_b4 EfficientNetB4 380 1792 17673823  4391979024 24x160 ebc24e6d6c33eaebbd558eafbeedf1ba d d f
        efficientnet_b5 EfficientNetB5 456 2048 28513527 10264336752 29x176 38879255a25d3c92d5e44e04ae6cec6f e e g
        efficientnet_b6 EfficientNetB6 528 2304 40960143 19065289536 33x200 9ecce42647a20130c1f39a5d4cb75743 f f h
        efficientnet_b7 EfficientNetB7 600 2560 64097687 37743324192 38x224 cbcfe4450ddf6f3ad90b1b398090fe4a g g j
        """,
    ),
    Family(
        module="efficientnet_v2",
        kind="none",
        smallest_side=32,
        cuts="block2{}_add block3{}_add block5{}_add",
        licence="Apache-2.0",
        author="Google",
        file="efficientnetv2-{tail}_notop.h5",
        url=_PLACE + "efficientnet_v2/{file}",
        members="""
        efficientnet_v2_b0 EfficientNetV2B0 224 1280   5919312   716806176 14x112 893217f2bb855e2983157299931e43ff b b e
        efficientnet_v2_b1 EfficientNetV2B1 240 1280   6931124  1195539360 15x112 0e80663031ca32d657f9caa404b6ec37 c c f
        efficientnet_v2_b2 EfficientNetV2B2 260 1408   8769374  1696134832 17x120 1dfe2e7a5d45b6632553a8961ea609eb c c f
        efficientnet_v2_b3 EfficientNetV2B3 300 1536  12930622  3009922816 19x136 f6abf7b5849ac99a89b50dd3fd532856 c c g
        efficientnet_v2_s  EfficientNetV2S  384 1280  20331360  8364337152 24x160 af0682fb74e8c54910f2d4393339c070 d d i
        efficientnet_v2_m  EfficientNetV2M  480 1280  53150388 24581180384 30x176 1b8dc055df72dde80d614482840fe342 e e n
        efficientnet_v2_l  EfficientNetV2L  480 1280 117746848 56078419008 30x224 b0b66b5c863aef5b46e8608fe1711615 g g s
        """,
    ),
    Family(
        module="convnext",
        kind="none",
        smallest_side=32,
        cuts="{name}_stage_0_block_{}_add {name}_stage_1_block_{}_add {name}_stage_2_block_{}_add",
        licence="MIT",
        author="Facebook",
        file="{name}_notop.h5",
        url=_PLACE + "convnext/{file}",
        members="""
        convnext_tiny   ConvNeXtTiny   224  768  27820128  4454763264  14x384 d547c096cabd03329d7be5562c5e14798aa39ed24b474157cef5e85ab9e49ef1 2 2 8
        convnext_small  ConvNeXtSmall  224  768  49454688  8682944256  14x384 6fc8009faa2f00c1c1dfce59feea9b0745eb260a7dd11bee65c8e20843da6eab 2 2 26
        convnext_base   ConvNeXtBase   224 1024  87566464 15353705472  14x512 40a20c5548a5e9202f69735ecc06c990e6b7c9d2de39f0361e27baeb24cb7c45 2 2 26
        convnext_large  ConvNeXtLarge  224 1536 196230336 34359897600  14x768 96f02b6f0753d4f543261bc9d09bed650f24dd6bc02ddde3066135b63d23a1cd 2 2 26
        convnext_xlarge ConvNeXtXLarge 224 2048 348147968 60918982656 14x1024 de3f8a54174130e0cecdc71583354753d557fcf1f4487331558e2a16ba0cfe05 2 2 26
        """,  # noqa: E501
    ),
)
